"""Further connections and threads, for tests of two workers."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg2
from django.db import connection, connections

from ledger.engine.submission import Outcome
from models import User

T = TypeVar("T")


@contextmanager
def another(**given: str) -> Iterator[Any]:
    """Open a plain autocommit connection to the tests' database. `given` overrides its parameters."""
    parameters = {
        name: value
        for name, value in connection.get_connection_params().items()
        if name in {"dbname", "user", "password", "host", "port"}
    }
    other = psycopg2.connect(**{**parameters, **given})
    other.autocommit = True
    try:
        yield other
    finally:
        other.close()


@contextmanager
def locked(user: User) -> Iterator[None]:
    """Keep the user's accounts locked from another connection until the block ends."""
    with another() as other, other.cursor() as cursor:
        cursor.execute("begin")
        cursor.execute("select id from ledger_account where user_id = %s for no key update", [user.pk])
        assert cursor.fetchall()
        yield
        cursor.execute("rollback")


class Worker(threading.Thread):
    """A thread that works while the test runs, with its own connection."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._answer: object = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._answer = self._work()
        except BaseException as error:  # noqa: BLE001 (raised again in `answer`)
            self._error = error
        finally:
            connections.close_all()

    def answer(self, seconds: float = 30) -> Any:
        """Return the result, or raise what the work raised."""
        self.join(seconds)
        assert not self.is_alive(), "a worker still waits: two of them hold what the other needs"
        if self._error is not None:
            raise self._error
        return self._answer


class Held:
    """A transaction hook that keeps its transaction open, with all its locks, until the test releases it."""

    def __init__(self) -> None:
        self.reached, self.let_go = threading.Event(), threading.Event()

    def begin(self, cursor: Any) -> None:
        """Do nothing."""

    def finish(self, cursor: Any, outcomes: Sequence[Outcome]) -> None:  # noqa: ARG002
        self.reached.set()
        assert self.let_go.wait(20)


def together(*work: Callable[[], T]) -> list[T]:
    """Run all of the work at once, each in its own thread; return the results in the given order."""
    barrier = threading.Barrier(len(work))

    def after_the_others(one: Callable[[], T]) -> Callable[[], T]:
        def run() -> T:
            barrier.wait(10)
            return one()

        return run

    workers = [Worker(after_the_others(one)) for one in work]
    return [worker.answer() for worker in workers]


def waits_for_a_lock(count: int = 1) -> bool:
    """Return True if at least that number of connections to this database wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select count(*) from pg_stat_activity
               where datname = current_database() and wait_event_type = 'Lock'"""
        )
        waiting: int = cursor.fetchone()[0]
    return waiting >= count


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition; fail if it does not come true."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it did not come true in time")

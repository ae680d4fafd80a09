"""`verify`, `rebuild` and the workers at the same time: consistent results and no wrong row at the end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest

from events.worker import Stop
from ledger.engine.posting import post
from models import Machine, User
from projections.catalog import PROJECTIONS
from projections.rebuild import rebuild
from projections.rebuild_balances import rebuild_balances
from projections.runner import Runner
from tests import builders as make
from tests.connections import Worker, another, until
from tests.projections import world as worlds

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def posting(users: list[User], machine: Machine, seed: int) -> Iterator[None]:
    """Post in a thread until the block ends."""
    print("seed", seed)
    over, posted = threading.Event(), threading.Event()

    def post_until_over() -> None:
        random = Random(seed)
        while not over.is_set():
            user = random.choice(users)
            post(
                [
                    make.top_up(user, 3),
                    make.bill(user, 1),
                    make.machine_copy(machine, user=random.choice(users)),
                    make.solving(machine, user=user, lines=random.randint(0, 9000)),
                ],
            )
            posted.set()

    worker = Worker(post_until_over)
    try:
        assert posted.wait(30)
        yield
    finally:
        over.set()
        worker.answer()


@pytest.fixture
def users() -> list[User]:
    return [make.make_user() for _ in range(5)]


@pytest.fixture
def machine(users: list[User]) -> Machine:
    return make.make_machine(users[0], copy="0.7")


def test_verify_agrees_while_workers_post_and_project(users: list[User], machine: Machine) -> None:
    """It reads one snapshot of the whole database."""
    stop = Stop()
    with posting(users, machine, seed=1), posting(users, machine, seed=2):
        runner = Worker(lambda: Runner(PROJECTIONS, chunk=7).run(stop))
        results = [worlds.verified(chunk=5) for _ in range(5)]
        stop.ask()
        runner.answer()
    assert [found for _, found in results] == [[]] * 5
    assert results[-1][0].events > results[0][0].events


def test_rebuilding_balances_while_workers_post_leaves_them_correct(
    users: list[User], machine: Machine
) -> None:
    """Balances are corrected under each user's lock, and later postings are not lost."""
    with posting(users, machine, seed=3), posting(users, machine, seed=4):
        for _ in range(3):
            rebuild_balances()
    assert worlds.mismatches() == []


def test_rebuilding_projections_while_the_worker_runs_leaves_them_correct(
    users: list[User], machine: Machine
) -> None:
    """The swap waits for the worker's checkpoint, and the worker continues after it."""
    stop = Stop()
    with posting(users, machine, seed=5):
        runner = Worker(lambda: Runner(PROJECTIONS, chunk=7).run(stop))
        for projection in PROJECTIONS:
            rebuild(projection, chunk=11)
        stop.ask()
        runner.answer()
    worlds.project()
    assert worlds.mismatches() == []


def test_an_event_that_commits_late_is_no_mismatch(users: list[User], machine: Machine) -> None:
    """Its position is below visible ones, and none of its rows are visible."""
    with another() as other, other.cursor() as cursor:
        cursor.execute("begin; lock table events_event in row exclusive mode")
        cursor.execute("select nextval('events_event_position_seq')")
        post([make.top_up(user, 5) for user in users])
        assert worlds.mismatches() == []
        cursor.execute("rollback")
    until(lambda: worlds.project() > 0)
    assert worlds.mismatches() == []

"""The worker of the read models: catching up, failures, stops, and several workers."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import pytest
from django.core.management import call_command
from django.db import connection

from events.message import StoredEvent
from events.settler import settle_all
from events.worker import Stop
from ledger.engine.posting import post
from projections import checkpoints
from projections.activity import Activity
from projections.catalog import PROJECTIONS
from projections.models import ActivityDay
from projections.projection import Table
from projections.runner import Runner
from tests import builders as make
from tests.connections import Worker, another, until
from tests.projections import world as worlds

pytestmark = pytest.mark.django_db(transaction=True)


class Failing:
    """A projection that cannot read its events."""

    name: ClassVar[str] = "failing"
    tables: ClassVar[Sequence[Table]] = ()

    def apply(self, cursor: Any, events: Sequence[StoredEvent]) -> None:
        del cursor
        raise ValueError(f"{len(events)} events, and none of them can be read")


@contextmanager
def running(*runners: Runner) -> Iterator[None]:
    """Run each runner in a thread until the block ends."""
    stop = Stop()
    workers = [Worker(lambda runner=runner: runner.run(stop)) for runner in runners]  # type: ignore[misc]
    try:
        yield
    finally:
        stop.ask()
        for worker in workers:
            worker.answer()


def _reached() -> dict[str, int]:
    with connection.cursor() as cursor:
        return checkpoints.read(cursor)


def _caught_up() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select max(position) from events_event")
        (last,) = cursor.fetchone()
    reached = _reached()
    return len(reached) == len(PROJECTIONS) and set(reached.values()) == {last}


def test_it_settles_and_projects_new_events() -> None:
    """Two runners share the work, and nothing is counted twice."""
    user = make.make_user()
    with running(Runner(PROJECTIONS, chunk=3), Runner(PROJECTIONS, chunk=2)):
        for _ in range(10):
            post([make.top_up(user, 1) for _ in range(5)])
        until(_caught_up, seconds=30)
    assert ActivityDay.objects.get(kind="credit_from_user").recorded == 50
    assert worlds.mismatches() == []


def test_the_runner_reconnects() -> None:
    """Its connection is ended from the side of the database."""
    user = make.make_user()
    runner = Runner(PROJECTIONS)
    with running(runner):
        until(_caught_up)
        with another() as other, other.cursor() as cursor:
            cursor.execute(
                """select pg_terminate_backend(pid) from pg_stat_activity
                   where datname = current_database() and pid not in (pg_backend_pid(), %s)""",
                [_own_pid()],
            )
        make.recorded(make.top_up(user, 1))
        until(_caught_up, seconds=30)
    assert worlds.mismatches() == []


def test_a_failing_projection_raises_without_delaying_others() -> None:
    """The others commit their part, and the failing one keeps its checkpoint."""
    make.recorded(make.top_up(make.make_user(), 1))
    runner = Runner([Failing(), Activity()])
    with pytest.raises(ValueError, match="2 events, and none of them can be read"):
        runner.run(Stop())
    position = settle_all()
    assert _reached() == {"failing": 0, "activity": position}
    assert ActivityDay.objects.get(kind="credit_from_user").recorded == 1


def test_a_locked_checkpoint_is_skipped() -> None:
    """The runner does not wait for another runner or a rebuild."""
    runner = Runner([Activity()])
    runner.catch_up(settle_all())
    make.recorded(make.top_up(make.make_user(), 1))
    with another() as other, other.cursor() as cursor:
        cursor.execute("begin; select from events_checkpoint for update")
        assert runner.advance(settle_all()) == 0
        cursor.execute("rollback")
    assert runner.advance(settle_all()) == 1


def test_project_once_ends_when_everything_is_projected() -> None:
    """Scripts use it before a report."""
    make.recorded(make.top_up(make.make_user(), 1))
    out = io.StringIO()
    call_command("project", "--once", stdout=out)
    assert (
        out.getvalue()
        == f"projected platform, revenue, activity, billing, tariff_uses up to position {settle_all()}\n"
    )
    assert _caught_up()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_worker_ends_after_a_signal(number: signal.Signals) -> None:
    """It finishes its chunk and exits with 0."""
    manage = Path(__file__).resolve().parents[2] / "manage.py"
    worker = subprocess.Popen(
        [sys.executable, str(manage), "project"],
        env={**os.environ, "DATABASE_URL": _url(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "projecting platform, revenue, activity, billing, tariff_uses\n"
        until(_caught_up, seconds=30)
        worker.send_signal(number)
        assert worker.stdout.read() == "stopped\n"
        assert worker.wait(20) == 0
    finally:
        worker.kill()
        worker.wait()
        worker.stdout.close()  # type: ignore[union-attr]


def _own_pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        pid: int = cursor.fetchone()[0]
        return pid


def _url() -> str:
    """Return the URL of the test database."""
    given = connection.get_connection_params()
    return (
        f"postgresql://{quote(given['user'])}:{quote(given.get('password', ''))}@/{given['dbname']}"
        f"?host={quote(given['host'])}&port={given.get('port', '')}"
    )

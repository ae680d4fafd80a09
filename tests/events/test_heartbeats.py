"""A worker that stopped is noticed: by its heartbeats, a health command, metrics and the first page."""

import socket
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from events import heartbeats
from events.heartbeats import WORKERS
from events.worker import Attempts, Stop

pytestmark = pytest.mark.django_db(transaction=True)

HOST = socket.gethostname()


def _beat(worker: str, *, host: str = HOST, seconds_ago: int = 0, pid: int = 1) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """insert into events_heartbeat (worker, host, pid, beat_at)
               values (%s, %s, %s, now() - make_interval(secs => %s))""",
            [worker, host, pid, seconds_ago],
        )


def _health(*arguments: str) -> str:
    out = StringIO()
    call_command("worker_health", *arguments, stdout=out)
    return out.getvalue()


def _alive() -> dict[str, int]:
    return {state.worker: state.alive for state in heartbeats.read()}


def test_a_worker_beats_while_its_steps_succeed_and_withdraws_at_its_end() -> None:
    """The row is there after the first step, and gone after a stop that was requested."""
    stop, seen = Stop(), []

    def step() -> bool:
        seen.append(_alive()["expire"])
        if len(seen) == 2:
            stop.ask()
        return True

    Attempts(stop, worker="expire").run(step, rest_seconds=0)
    assert seen == [0, 1]
    assert _alive()["expire"] == 0


def test_a_worker_whose_steps_fail_does_not_beat() -> None:
    """For example because the database or the broker is away."""
    stop = Stop()

    class Away(Exception):
        pass

    def step() -> bool:
        stop.ask()
        raise Away

    Attempts(stop, worker="ingest", passing={Away: "away"}).attempt(step)
    assert _alive()["ingest"] == 0


@pytest.mark.parametrize("worker", WORKERS)
def test_the_health_command_follows_the_heartbeats(worker: str) -> None:
    """Of this host, or of any; one that is older than a minute counts as ended."""
    with pytest.raises(CommandError, match=f"^{worker} sends no heartbeats on {HOST}: none ever$") as ended:
        _health(worker)
    assert ended.value.returncode == 1
    _beat(worker, seconds_ago=61)
    with pytest.raises(CommandError, match="the last 61 s ago"):
        _health(worker)
    _beat(worker, host="elsewhere")
    with pytest.raises(CommandError, match="the last 61 s ago"):
        _health(worker)
    assert _health(worker, "--any-host") == f"{worker}: 1 alive\n"
    _beat(worker, pid=2)
    assert _health(worker) == f"{worker}: 1 alive on {HOST}\n"


def test_a_database_that_is_away_is_status_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line."""

    def away(**_: Any) -> None:
        raise OperationalError("connection refused\nmore")

    monkeypatch.setattr("events.management.commands.worker_health.read", away)
    with pytest.raises(CommandError, match=r"^the database does not answer: connection refused$") as failed:
        _health("relay")
    assert failed.value.returncode == 1


def test_the_first_page_and_the_metrics_show_a_missing_worker(client: Any, django_user_model: Any) -> None:
    """The web server itself stays ready."""
    for worker in WORKERS:
        if worker != "ingest":
            _beat(worker)
    client.force_login(django_user_model.objects.create_superuser("root@example.com", None))
    assert "not running: ingest" in client.get("/admin/").content.decode()
    metrics = client.get("/metrics").content.decode()
    assert 'ledger_worker_processes{worker="ingest"} 0.0' in metrics
    assert 'ledger_worker_processes{worker="relay"} 1.0' in metrics
    assert client.get("/readyz").status_code == 200
    _beat("ingest")
    assert "all running" in client.get("/admin/").content.decode()

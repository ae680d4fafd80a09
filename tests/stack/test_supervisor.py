"""The supervisor: restarts of processes that end, and stops in order."""

import os
import signal
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from stack.processes import Child
from stack.supervisor import Supervisor
from stack.terminal import Terminal

MakeChild = Callable[..., Child]


class FakeProcess:
    """A fake process that records the calls of its methods."""

    def __init__(self, name: str, calls: list[str]) -> None:
        self.name = name
        self.calls = calls
        self.running = False

    def start(self) -> None:
        self.calls.append(f"start {self.name}")
        self.running = True

    def stop(self) -> None:
        self.calls.append(f"stop {self.name}")
        self.running = False

    def kill(self) -> None:
        self.calls.append(f"kill {self.name}")
        self.running = False

    def tail(self, lines: int) -> str:
        return "no luck" * lines


def _watch_for(supervisor: Supervisor, seconds: float) -> None:
    timer = threading.Timer(seconds, supervisor.stopping.set)
    timer.start()
    supervisor.watch()
    timer.join()


def test_a_process_that_ends_is_restarted_after_growing_pauses(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The first pause is half a second, the second one a second."""
    calls: list[str] = []
    supervisor = Supervisor(Terminal())
    worker = FakeProcess("ingest", calls)
    starts: list[float] = []

    def start_and_end() -> None:
        starts.append(time.monotonic())
        worker.running = False

    worker.start = start_and_end  # type: ignore[method-assign]
    supervisor.start("ingest", worker)
    _watch_for(supervisor, 2.4)
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    assert len(pauses) == 2
    assert 0.5 <= pauses[0] < pauses[1]
    assert pauses[1] >= 1.0
    output = capsys.readouterr().out
    assert "ingest   | ended (no luck); starting it again in 0.5 s" in output
    assert "starting it again in 1 s" in output


def test_after_restart_is_called_after_a_restart() -> None:
    """It creates the topics of a broker again."""
    calls: list[str] = []
    supervisor = Supervisor(Terminal())
    broker = FakeProcess("kafka", calls)
    supervisor.start("kafka", broker, after_restart=lambda: calls.append("after restart"))
    broker.running = False
    _watch_for(supervisor, 1.2)
    assert calls == ["start kafka", "start kafka", "after restart"]


def test_everything_stops_in_the_given_order() -> None:
    """The order of the starts does not matter."""
    calls: list[str] = []
    supervisor = Supervisor(Terminal())
    order = ("web", "ingest", "relay", "expire", "project", "kafka", "postgres")
    for name in reversed(order):
        supervisor.start(name, FakeProcess(name, calls))
    calls.clear()
    supervisor.stop(order)
    assert calls == [f"stop {name}" for name in order]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_requests_a_stop(number: signal.Signals) -> None:
    """The previous handlers are restored afterwards."""
    before = signal.getsignal(number)
    supervisor = Supervisor(Terminal())
    with supervisor.signals():
        os.kill(os.getpid(), number)
        supervisor.watch()
    assert supervisor.stopping.is_set()
    assert signal.getsignal(number) is before


def test_a_second_signal_kills_workers_but_not_servers() -> None:
    """The servers still end cleanly."""
    calls: list[str] = []
    supervisor = Supervisor(Terminal())
    with supervisor.signals():
        supervisor.start("postgres", FakeProcess("postgres", calls), after_restart=lambda: None)
        supervisor.start("ingest", FakeProcess("ingest", calls))
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        supervisor.watch()
    assert calls == ["start postgres", "start ingest", "kill ingest"]


def test_only_warnings_are_shown_and_not_too_many(capsys: pytest.CaptureFixture[str]) -> None:
    """Plain and JSON logs are recognized, and after ten lines the log file is named."""
    terminal = Terminal()
    terminal.echo("relay", "2026-01-01 INFO quiet")
    terminal.echo("relay", '{"level": "info", "event": "an ERRORLESS day"}')
    terminal.echo("relay", '{"level": "error", "event": "loud"}')
    for number in range(20):
        terminal.echo("ingest", f"2026-01-01 WARNING {number}")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == 'relay    | {"level": "error", "event": "loud"}'
    assert lines[1:] == [
        *(f"ingest   | 2026-01-01 WARNING {number}" for number in range(10)),
        "ingest   | more in its log file",
    ]


def test_a_real_worker_is_started_again(python: MakeChild, directory: Path) -> None:
    """After a kill it has another process id."""
    child = python("worker", "import time; time.sleep(60)")
    supervisor = Supervisor(Terminal())
    supervisor.start("worker", child)
    first = child.pid
    os.kill(first, signal.SIGKILL)
    _watch_for(supervisor, 1.2)
    assert child.running
    assert child.pid != first
    supervisor.stop(())
    assert list((directory / "run").iterdir()) == []

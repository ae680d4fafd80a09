"""The supervisor: what ends is started again, and everything stops in its order."""

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


class Fake:
    """Something startable that notes what is done with it."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name = name
        self.notes = notes
        self.running = False

    def start(self) -> None:
        self.notes.append(f"start {self.name}")
        self.running = True

    def stop(self) -> None:
        self.notes.append(f"stop {self.name}")
        self.running = False

    def kill(self) -> None:
        self.notes.append(f"kill {self.name}")
        self.running = False

    def tail(self, lines: int) -> str:
        return "no luck" * lines


def _watch_for(supervisor: Supervisor, seconds: float) -> None:
    timer = threading.Timer(seconds, supervisor.stopping.set)
    timer.start()
    supervisor.watch()
    timer.join()


def test_what_ends_is_started_again_after_longer_and_longer_pauses(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Half a second, then a second: a worker that cannot start does not burn the machine."""
    notes: list[str] = []
    supervisor = Supervisor(Terminal())
    worker = Fake("ingest", notes)
    begun: list[float] = []

    def start_and_end() -> None:
        begun.append(time.monotonic())
        worker.running = False

    worker.start = start_and_end  # type: ignore[method-assign]
    supervisor.start("ingest", worker)
    _watch_for(supervisor, 2.4)
    pauses = [later - earlier for earlier, later in pairwise(begun)]
    assert len(pauses) == 2
    assert 0.5 <= pauses[0] < pauses[1]
    assert pauses[1] >= 1.0
    said = capsys.readouterr().out
    assert "ingest   | ended (no luck); starting it again in 0.5 s" in said
    assert "starting it again in 1 s" in said


def test_a_server_that_came_back_is_mended() -> None:
    """The broker comes back empty: what it lost is made again."""
    notes: list[str] = []
    supervisor = Supervisor(Terminal())
    broker = Fake("kafka", notes)
    supervisor.start("kafka", broker, after_restart=lambda: notes.append("mend"))
    broker.running = False
    _watch_for(supervisor, 1.2)
    assert notes == ["start kafka", "start kafka", "mend"]


def test_everything_stops_in_the_given_order() -> None:
    """Whatever order it was started in."""
    notes: list[str] = []
    supervisor = Supervisor(Terminal())
    order = ("web", "ingest", "relay", "expire", "project", "kafka", "postgres")
    for name in reversed(order):
        supervisor.start(name, Fake(name, notes))
    notes.clear()
    supervisor.stop(order)
    assert notes == [f"stop {name}" for name in order]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_asks_to_stop(number: signal.Signals) -> None:
    """And the handlers of before are put back."""
    before = signal.getsignal(number)
    supervisor = Supervisor(Terminal())
    with supervisor.signals():
        os.kill(os.getpid(), number)
        supervisor.watch()
    assert supervisor.stopping.is_set()
    assert signal.getsignal(number) is before


def test_a_second_signal_kills_workers_and_spares_servers() -> None:
    """Whoever presses Ctrl-C twice does not wait for a worker; the database still ends cleanly."""
    notes: list[str] = []
    supervisor = Supervisor(Terminal())
    with supervisor.signals():
        supervisor.start("postgres", Fake("postgres", notes), after_restart=lambda: None)
        supervisor.start("ingest", Fake("ingest", notes))
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        supervisor.watch()
    assert notes == ["start postgres", "start ingest", "kill ingest"]


def test_only_warnings_reach_the_terminal_and_not_too_many(capsys: pytest.CaptureFixture[str]) -> None:
    """Both of plain and of JSON logs; a flood is cut off and pointed to the file."""
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
    """Killed from outside, it is back under another process id."""
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

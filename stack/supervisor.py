"""Keeps processes running, and stops them in order."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Protocol

from stack.errors import StackError
from stack.terminal import Terminal

_BACKOFF_FIRST = 0.5
_BACKOFF_MAX = 30.0
# A process that has run this long has recovered: its next pause is the first one again.
_RECOVERED_SECONDS = 60.0
_CHECK_SECONDS = 0.2
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Startable(Protocol):
    """A server or worker that can be supervised."""

    @property
    def running(self) -> bool: ...

    def start(self) -> object: ...

    def stop(self) -> object: ...

    def kill(self) -> object: ...

    def tail(self, lines: int) -> str:
        """Return the last lines of its output."""
        ...


@dataclass(slots=True)
class _WatchedProcess:
    name: str
    process: Startable
    after_restart: Callable[[], None] | None
    started_at: float
    pause: float = _BACKOFF_FIRST
    restart_at: float | None = None


class Supervisor:
    """Restarts processes that end by themselves, after a pause that doubles each time."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._watched: list[_WatchedProcess] = []
        self.stopping = threading.Event()

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Set `stopping` at Ctrl-C, SIGTERM and SIGHUP; a second signal kills the workers."""

        def handle(_number: int, _frame: FrameType | None) -> None:
            if self.stopping.is_set():
                for watched in self._watched:
                    # Servers may end cleanly, because they have the data.
                    if watched.after_restart is None and watched.process.running:
                        watched.process.kill()
            self.stopping.set()

        before = {number: signal.signal(number, handle) for number in _STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def start(self, name: str, process: Startable, after_restart: Callable[[], None] | None = None) -> None:
        """Start a process and watch it. `after_restart` marks a server and restores its lost state."""
        process.start()
        self._watched.append(_WatchedProcess(name, process, after_restart, started_at=time.monotonic()))

    def watch(self) -> None:
        """Restart processes that end, until a stop is requested."""
        while not self.stopping.wait(_CHECK_SECONDS):
            for watched in self._watched:
                if not watched.process.running:
                    self._restart_when_due(watched)

    def stop(self, order: Sequence[str]) -> None:
        """Stop all processes in this order. Those that are not named are stopped first."""
        ranks = {name: rank for rank, name in enumerate(order)}
        for watched in sorted(self._watched, key=lambda watched: ranks.get(watched.name, -1)):
            if watched.process.running:
                self._terminal.write(f"stopping {watched.name}")
            watched.process.stop()
        self._watched.clear()

    def _restart_when_due(self, watched: _WatchedProcess) -> None:
        now = time.monotonic()
        if watched.restart_at is None:
            recovered = now - watched.started_at > _RECOVERED_SECONDS
            pause = _BACKOFF_FIRST if recovered else watched.pause
            watched.restart_at, watched.pause = now + pause, min(pause * 2, _BACKOFF_MAX)
            last_line = watched.process.tail(1) or "without output"
            self._terminal.write(f"{watched.name:<9}| ended ({last_line}); starting it again in {pause:g} s")
        elif now >= watched.restart_at:
            watched.restart_at, watched.started_at = None, now
            try:
                watched.process.start()
                if watched.after_restart is not None:
                    watched.after_restart()
            except StackError as error:
                self._terminal.write(f"{watched.name:<9}| {error}")

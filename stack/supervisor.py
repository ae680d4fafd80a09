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
# Whoever ran this long has recovered: the next pause is the first again.
_STEADY_SECONDS = 60.0
_LOOK_SECONDS = 0.2
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Startable(Protocol):
    """A server or a worker."""

    @property
    def running(self) -> bool: ...

    def start(self) -> object: ...

    def stop(self) -> object: ...

    def kill(self) -> object: ...

    def tail(self, lines: int) -> str:
        """The last lines of its output."""
        ...


@dataclass(slots=True)
class _Watched:
    name: str
    process: Startable
    after_restart: Callable[[], None] | None
    started_at: float
    pause: float = _BACKOFF_FIRST
    restart_at: float | None = None


class Supervisor:
    """Starts again what ended on its own, after a pause that doubles, until it is asked to stop."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._watched: list[_Watched] = []
        self.stopping = threading.Event()

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Ctrl-C, SIGTERM and a closed terminal set `stopping`; a second one stops less politely."""

        def asked(_number: int, _frame: FrameType | None) -> None:
            if self.stopping.is_set():
                for watched in self._watched:
                    # Servers are left to end cleanly: they take a moment, and hold the data.
                    if watched.after_restart is None and watched.process.running:
                        watched.process.kill()
            self.stopping.set()

        before = {number: signal.signal(number, asked) for number in _STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def start(self, name: str, process: Startable, after_restart: Callable[[], None] | None = None) -> None:
        """Starts a process and watches it. `after_restart` marks a server, and mends what it lost."""
        process.start()
        self._watched.append(_Watched(name, process, after_restart, started_at=time.monotonic()))

    def watch(self) -> None:
        """Until it is asked to stop."""
        while not self.stopping.wait(_LOOK_SECONDS):
            for watched in self._watched:
                if not watched.process.running:
                    self._restart_when_due(watched)

    def stop(self, order: Sequence[str]) -> None:
        """Stops everything: the named ones in their order, what is not named before them."""
        places = {name: place for place, name in enumerate(order)}
        for watched in sorted(self._watched, key=lambda watched: places.get(watched.name, -1)):
            if watched.process.running:
                self._terminal.say(f"stopping {watched.name}")
            watched.process.stop()
        self._watched.clear()

    def _restart_when_due(self, watched: _Watched) -> None:
        now = time.monotonic()
        if watched.restart_at is None:
            steady = now - watched.started_at > _STEADY_SECONDS
            pause = _BACKOFF_FIRST if steady else watched.pause
            watched.restart_at, watched.pause = now + pause, min(pause * 2, _BACKOFF_MAX)
            words = watched.process.tail(1) or "it said nothing"
            self._terminal.say(f"{watched.name:<9}| ended ({words}); starting it again in {pause:g} s")
        elif now >= watched.restart_at:
            watched.restart_at, watched.started_at = None, now
            try:
                watched.process.start()
                if watched.after_restart is not None:
                    watched.after_restart()
            except StackError as error:
                self._terminal.say(f"{watched.name:<9}| {error}")

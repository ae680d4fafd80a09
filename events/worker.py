"""The loop that long-running processes share: stopping on request, and waiting longer after each failure."""

import gc
import logging
import random
import signal
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Final, TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections, connection

from events.heartbeats import Heartbeat

T = TypeVar("T")

DATABASE_AWAY: Final[Mapping[type[Exception], str]] = {
    OperationalError: "the database does not answer",
    InterfaceError: "the database does not answer",
}
"""Errors of a lost database, with what to log about them."""

_log = logging.getLogger(__name__)
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def collect_rarely(*, threshold: int = 100_000) -> None:
    """Make the garbage collector run less often, and skip the objects that exist now.

    `threshold` is the number of new objects between runs (Python's default: 700). Almost nothing in a worker
    is cyclic, and each run visits everything that a batch has in memory.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(threshold, 20, 50)


class Stop:
    """A request to stop this process. `wait` ends early when it arrives."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def on_signals(self) -> "Stop":
        """Stop on SIGTERM and SIGINT. Main thread only."""
        for number in _SIGNALS:
            signal.signal(number, self._handle)
        return self

    def ask(self) -> None:
        self._asked.set()

    @property
    def asked(self) -> bool:
        return self._asked.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep, and return whether a stop was requested."""
        return self._asked.wait(seconds)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._asked.set()


class Backoff:
    """The delay after each failure (seconds): doubles up to a limit, with jitter."""

    def __init__(self, first: float = 0.1, limit: float = 5.0) -> None:
        self._first = first
        self._limit = limit
        self._next = first

    def reset(self) -> None:
        """Begin with the shortest delay again, after a success."""
        self._next = self._first

    def next(self) -> float:
        delay, self._next = self._next, min(self._limit, self._next * 2)
        return delay * random.uniform(0.5, 1.0)  # noqa: S311 - no secret depends on it


class Attempts:
    """Repeats the steps of a worker. Failures that may pass are logged and waited out, each time longer.

    `passing` has the errors that may pass, with what to log about them; all others end the worker. `recover`
    is called with the error before the wait, and may raise to end the worker. Each success is a heartbeat of
    the worker with the name `worker`.
    """

    def __init__(
        self,
        stop: Stop,
        *,
        worker: str,
        passing: Mapping[type[Exception], str] = DATABASE_AWAY,
        recover: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        self._stop = stop
        self._passing = passing
        self._recover = recover
        self._backoff = Backoff()
        self._heartbeat = Heartbeat(worker)

    def run(self, step: Callable[[], object], *, rest_seconds: float) -> None:
        """Repeat a step until a stop is requested. A false result means that there was no work: then rest."""
        while not self._stop.asked:
            done, worked = self.attempt(step)
            if done:
                self.succeeded()
                if not worked:
                    self._stop.wait(rest_seconds)
        self.end()

    def attempt(self, step: Callable[[], T]) -> tuple[bool, T | None]:
        """Run a step once; return whether it succeeded, and its result."""
        close_old_connections()
        try:
            return True, step()
        except tuple(self._passing) as error:
            if isinstance(error, tuple(DATABASE_AWAY)):
                connection.close()
            self._recover(error)
            self.failed(next(why for kind, why in self._passing.items() if isinstance(error, kind)), error)
            return False, None

    def succeeded(self) -> None:
        """Send a heartbeat if it is due, and start again with the shortest delay after the next failure."""
        self._backoff.reset()
        self._heartbeat.beat()

    def end(self) -> None:
        """Withdraw the heartbeat, because the worker ends as it was asked to."""
        self._heartbeat.end()

    def failed(self, why: str, error: Exception) -> None:
        """Log a failure, and wait."""
        delay = self._backoff.next()
        reason = str(error).strip() or type(error).__name__
        _log.warning("%s, trying again in %.1f s: %s", why, delay, reason)
        self._stop.wait(delay)

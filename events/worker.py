"""What every long-running process shares: ending when it is asked to, and waiting longer each time."""

import gc
import random
import signal
import threading
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def collect_rarely() -> None:
    """Look for cycles among Python's objects a hundred times less often, and never among those of the start.

    Almost nothing here is cyclic, and each look goes over everything that a batch has in memory.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


class Stop:
    """Whether this process was asked to end. `wait` sleeps no longer than until then."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def on_signals(self) -> "Stop":
        """SIGTERM and SIGINT ask for it. In the main thread only."""
        for number in _SIGNALS:
            signal.signal(number, self._handle)
        return self

    def ask(self) -> None:
        self._asked.set()

    @property
    def asked(self) -> bool:
        return self._asked.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep; whether the end was asked for."""
        return self._asked.wait(seconds)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._asked.set()


class Backoff:
    """How long to wait after a failure (seconds): doubling up to a limit, with jitter."""

    def __init__(self, first: float = 0.1, limit: float = 5.0) -> None:
        self._first = first
        self._limit = limit
        self._next = first

    def reset(self) -> None:
        """It went well: the next failure waits the shortest time again."""
        self._next = self._first

    def next(self) -> float:
        delay, self._next = self._next, min(self._limit, self._next * 2)
        return delay * random.uniform(0.5, 1.0)  # noqa: S311 - no secret depends on it

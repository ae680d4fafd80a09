"""Worker processes that prepare, each by itself, and then start on the same moment."""

import gc
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from types import TracebackType
from typing import Any, Final, Self, TypeVar

T = TypeVar("T")

_CONTEXT: Final = get_context("spawn")
_START_SECONDS_MAX: Final = 600

_barrier: Barrier | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The work of one worker between two moments of the clock that all processes share (seconds)."""

    operations: int
    started: float
    ended: float
    latencies: Sequence[float] = ()
    """Seconds per request, where there were requests."""


def rate(spans: Sequence[Span]) -> float:
    """Operations a second of all workers together."""
    seconds = max(span.ended for span in spans) - min(span.started for span in spans)
    return sum(span.operations for span in spans) / seconds


class Crew:
    """So many worker processes, with Django set up on the stack's servers."""

    def __init__(self, count: int, environment: Mapping[str, str]) -> None:
        self.count = count
        self._pool = ProcessPoolExecutor(
            count,
            mp_context=_CONTEXT,
            initializer=_set_up,
            initargs=(_CONTEXT.Barrier(count), dict(environment)),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def run(self, work: Callable[..., T], arguments: Sequence[Any]) -> list[T]:
        """The work once per worker, each with its own argument."""
        assert len(arguments) == self.count
        return [done.result() for done in [self._pool.submit(work, each) for each in arguments]]

    def one(self, work: Callable[..., T], *arguments: Any) -> T:
        """The work once, in one of the workers, which then must not wait for the start."""
        return self._pool.submit(work, *arguments).result()


def start_line() -> float:
    """Wait until every worker has prepared; the moment of the start."""
    gc.collect()
    gc.freeze()  # what was prepared would not be there in a service, and is not to be looked through
    assert _barrier is not None
    _barrier.wait(_START_SECONDS_MAX)
    return time.monotonic()


def _set_up(barrier: Barrier, environment: Mapping[str, str]) -> None:
    global _barrier  # noqa: PLW0603 (one per process)
    _barrier = barrier
    os.environ.update(environment)
    # Batches of 1,000 of the same users keep each other waiting for longer than a service's paced batches.
    os.environ.setdefault("LEDGER_LOCK_TIMEOUT_SHARED_MS", "30000")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from events.worker import collect_rarely

    collect_rarely()  # as a worker does

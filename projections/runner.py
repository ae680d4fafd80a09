"""Brings the asynchronous projections forward, and the settled position before them."""

import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from django.db import DatabaseError, InterfaceError, close_old_connections, connection, transaction

from events import store
from events.message import StoredEvent
from events.settler import Settler
from projections import checkpoints
from projections.projection import Projection

_log = logging.getLogger(__name__)

CHUNK: Final = 2000
_IDLE_SECONDS: Final = 0.1
_BACKOFF_SECONDS_MAX: Final = 10.0
# A database that was away is found again; a statement that is wrong is not, however often it is sent.
_ATTEMPTS: Final = 10


class Stop(Protocol):
    """Says when to end: `threading.Event` is one."""

    def is_set(self) -> bool:
        """Whether to end now."""

    def wait(self, timeout: float) -> bool:
        """Sleep, at most so many seconds; whether to end now."""


class Runner:
    """Several may run at once: each projection's checkpoint is moved by one of them at a time."""

    def __init__(self, projections: Sequence[Projection], *, chunk: int = CHUNK) -> None:
        self.projections = {projection.name: projection for projection in projections}
        self.chunk = chunk
        self.settler = Settler()

    def run(self, stop: Stop) -> None:
        """Go on until told to stop. A projection that cannot be brought forward ends the runner."""
        with transaction.atomic(), connection.cursor() as cursor:
            checkpoints.create_missing(cursor, sorted(self.projections))
        failures = 0
        while not stop.is_set():
            close_old_connections()
            try:
                settled = self.settler.advance()
                moved = self.advance(settled)
            except (DatabaseError, InterfaceError):
                failures += 1
                if failures == _ATTEMPTS:
                    raise
                _log.warning("the database refused, attempt %s of %s", failures, _ATTEMPTS, exc_info=True)
                connection.close()
                stop.wait(_backoff_seconds(failures))
                continue
            failures = 0
            if not moved:
                stop.wait(_IDLE_SECONDS)

    def advance(self, settled: int) -> int:
        """One chunk for each projection that is behind the settled position; how many events that were.

        What one projection raises is raised after the others had their turn.
        """
        errors: list[Exception] = []
        applied = 0
        with transaction.atomic(), connection.cursor() as cursor:
            positions = checkpoints.lock_free(cursor, sorted(self.projections))
            behind = {name: position for name, position in positions.items() if position < settled}
            for position in sorted(set(behind.values())):
                events = store.read(after=position, upto=settled, limit=self.chunk)
                # Past the last event everything is settled, and a gap is nothing to wait for.
                reached = events[-1].position if len(events) == self.chunk else settled
                for name in sorted(name for name in behind if behind[name] == position):
                    try:
                        with transaction.atomic():
                            self._apply(cursor, name, events, reached)
                    except Exception as error:  # noqa: BLE001 (raised below, once the others are served)
                        errors.append(error)
                    else:
                        applied += len(events)
        if errors:
            raise errors[0] if len(errors) == 1 else ExceptionGroup("projections failed", errors)
        return applied

    def catch_up(self, settled: int, *, progress: Callable[[int], None] | None = None) -> None:
        """Bring all projections up to a settled position. For tests, imports and the command line."""
        with transaction.atomic(), connection.cursor() as cursor:
            checkpoints.create_missing(cursor, sorted(self.projections))
        while (position := self._lowest()) < settled:
            if progress is not None:
                progress(position)
            if not self.advance(settled) and self._lowest() == position:
                time.sleep(_IDLE_SECONDS)  # another runner has it in hand

    def _lowest(self) -> int:
        with connection.cursor() as cursor:
            positions = checkpoints.read(cursor)
        return min(positions[name] for name in self.projections)

    def _apply(self, cursor: Any, name: str, events: Sequence[StoredEvent], reached: int) -> None:
        if events:
            self.projections[name].apply(cursor, events)
        checkpoints.move(cursor, name, reached)


def _backoff_seconds(failures: int) -> float:
    ceiling = min(_BACKOFF_SECONDS_MAX, 0.2 * 2**failures)
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311 (spreads retries, guards nothing)

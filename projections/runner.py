"""The worker that advances the settled position and the asynchronous projections."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

from events import store
from events.message import StoredEvent
from events.settler import Settler
from events.worker import Attempts, Stop
from projections import checkpoints
from projections.projection import Projection

_log = logging.getLogger(__name__)

CHUNK: Final = 2000
_IDLE_SECONDS: Final = 0.1
# If a row was deleted while it was referred to, the next attempt finds it gone. A statement that is wrong
# stays wrong.
_ATTEMPTS: Final = 5


class Runner:
    """Advances projections. Several runners may run at once: a projection's checkpoint is moved by one at
    a time.
    """

    def __init__(self, projections: Sequence[Projection], *, chunk: int = CHUNK) -> None:
        self.projections = {projection.name: projection for projection in projections}
        self.chunk = chunk
        self.settler = Settler()
        self._created = False
        self._failures = 0

    def run(self, stop: Stop) -> None:
        """Run until stopped. A projection that cannot be advanced ends the runner."""
        passing: dict[type[Exception], str] = {DatabaseError: "the database refused"}
        Attempts(stop, worker="project", passing=passing, recover=self._recover).run(
            self._step, rest_seconds=_IDLE_SECONDS
        )

    def _recover(self, error: Exception) -> None:
        connection.close()
        if not isinstance(error, OperationalError | InterfaceError):
            self._failures += 1
            _log.warning("the database refused a statement", exc_info=error)
            if self._failures == _ATTEMPTS:
                raise error

    def _step(self) -> int:
        self._create_missing()
        moved = self.advance(self.settler.advance())
        self._failures = 0
        return moved

    def _create_missing(self) -> None:
        if not self._created:
            with transaction.atomic(), connection.cursor() as cursor:
                checkpoints.create_missing(cursor, sorted(self.projections))
            self._created = True

    def advance(self, settled: int) -> int:
        """Apply one chunk to each projection behind the settled position; return the number of events.

        An error of one projection is raised after the others had their turn.
        """
        errors: list[Exception] = []
        applied = 0
        with transaction.atomic(), connection.cursor() as cursor:
            positions = checkpoints.lock_free(cursor, sorted(self.projections))
            behind = {name: position for name, position in positions.items() if position < settled}
            for position in sorted(set(behind.values())):
                events = store.read(after=position, upto=settled, limit=self.chunk)
                # Nothing can appear up to the settled position, so gaps in it are not waited for.
                reached = events[-1].position if len(events) == self.chunk else settled
                for name in sorted(name for name in behind if behind[name] == position):
                    try:
                        with transaction.atomic():
                            self._apply(cursor, name, events, reached)
                    except Exception as error:  # noqa: BLE001 (raised below, after the others)
                        errors.append(error)
                    else:
                        applied += len(events)
        if errors:
            raise errors[0] if len(errors) == 1 else ExceptionGroup("projections failed", errors)
        return applied

    def catch_up(self, settled: int, *, progress: Callable[[int], None] | None = None) -> None:
        """Advance all projections to a settled position. For tests, imports and the command line."""
        self._create_missing()
        while (position := self._lowest()) < settled:
            if progress is not None:
                progress(position)
            if not self.advance(settled) and self._lowest() == position:
                time.sleep(_IDLE_SECONDS)  # another runner has locked it

    def _lowest(self) -> int:
        with connection.cursor() as cursor:
            positions = checkpoints.read(cursor)
        return min(positions[name] for name in self.projections)

    def _apply(self, cursor: Any, name: str, events: Sequence[StoredEvent], reached: int) -> None:
        if events:
            self.projections[name].apply(cursor, events)
        checkpoints.move(cursor, name, reached)

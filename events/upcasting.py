"""Lifts events of older schema versions to the current one, step by step, when they are read.

# Note [Upcasting]
Stored events are never rewritten. Whoever reads through `events.store` sees current versions only; who
hashes or copies what is stored reads the rows themselves. A step is a pure function from the event in
one version to its data in the next. An event of a type or version that is not known here was written by
a newer ledger: to read on without it would be to lose it, so that reading stops.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeAlias

from events.message import NewEvent, StoredEvent
from ledger.payloads import CONTRACTS

Step: TypeAlias = Callable[[StoredEvent], Mapping[str, Any]]
"""From an event to its data in the next version."""


class UnknownEvent(Exception):
    """An event of a type or version that this ledger has no contract of."""


class Upcasting:
    """The current version of every type, and the steps that lead there.

    `versions` are all types and versions that were ever stored, without a gap; `steps` has one for each
    that is not the newest of its type. Raises ValueError where a version or a step is missing.
    """

    def __init__(self, versions: Iterable[tuple[str, int]], steps: Mapping[tuple[str, int], Step]) -> None:
        known = sorted(versions)
        self.current: Mapping[str, int] = dict(known)
        self._steps = dict(steps)
        wanted = [(type_, number) for type_, last in self.current.items() for number in range(1, last + 1)]
        if wanted != known:
            raise ValueError(f"versions are missing: {sorted(set(wanted) ^ set(known))}")
        wanted = [(type_, number) for type_, number in known if number < self.current[type_]]
        if wanted != sorted(self._steps):
            raise ValueError(f"steps are missing or too many: {sorted(set(wanted) ^ set(self._steps))}")

    def lift(self, event: StoredEvent) -> StoredEvent:
        """The event in the current version of its type. Raises `UnknownEvent`."""
        current = self.current.get(event.type)
        if current == event.schema_version:
            return event
        if current is None or not 1 <= event.schema_version < current:
            raise UnknownEvent(self._unknown(event, current))
        for version in range(event.schema_version, current):
            data = self._steps[event.type, version](event)
            event = replace(event, data=data, schema_version=version + 1)
        return event

    def require_current(self, event: NewEvent) -> None:
        """Raises `UnknownEvent` for an event that nobody could read again."""
        current = self.current.get(event.type)
        if current != event.schema_version:
            raise UnknownEvent(self._unknown(event, current))

    @staticmethod
    def _unknown(event: NewEvent, current: int | None) -> str:
        if current is None:
            return f"event {event.id} is a {event.type}, and ledger.payloads has no such type"
        return (
            f"event {event.id} is a {event.type} of version {event.schema_version}, "
            f"and ledger.payloads ends at version {current}"
        )


STEPS: Final[Mapping[tuple[str, int], Step]] = {}
"""Per type and version the step to the next version. Every type is at its first version."""

_upcasting: Final = Upcasting(CONTRACTS, STEPS)

lift: Final = _upcasting.lift
require_current: Final = _upcasting.require_current

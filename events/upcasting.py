"""Lifts events of older schema versions to the current one, step by step, when they are read.

# Note [Upcasting]
Stored events are never rewritten. Readers of `events.store` see current versions only; code that hashes or
copies what is stored reads the rows itself. A step is a pure function from the event in one version to its
data in the next. An event of an unknown type or version was written by a newer ledger: reading stops there,
because skipping it would lose it.

The setting `EVENTS_PAYLOADS` names the module that knows the types: `CONTRACTS` has every type and version
that was ever stored, `STEPS` the step from each version to the next.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import Any, TypeAlias

from django.conf import settings

from events.message import StoredEvent

Step: TypeAlias = Callable[[StoredEvent], Mapping[str, Any]]
"""From an event to its data in the next version."""


class UnknownEvent(Exception):
    """The event has a type or version without a contract."""


class Upcasting:
    """The current version of every type, and the steps that lead to it.

    `versions` are all types and versions that were ever stored, without a gap; `steps` has one for each
    that is not the newest of its type. Raises ValueError if a version or a step is missing.
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
        """Return the event in the current version of its type. Raises `UnknownEvent`."""
        current = self.current.get(event.type)
        if current == event.schema_version:
            return event
        if current is None or not 1 <= event.schema_version < current:
            raise UnknownEvent(self._unknown(event, current))
        for version in range(event.schema_version, current):
            data = self._steps[event.type, version](event)
            event = replace(event, data=data, schema_version=version + 1)
        return event

    def require_current(self, event: StoredEvent) -> None:
        """Raise `UnknownEvent` for an event that could not be read again."""
        current = self.current.get(event.type)
        if current != event.schema_version:
            raise UnknownEvent(self._unknown(event, current))

    @staticmethod
    def _unknown(event: StoredEvent, current: int | None) -> str:
        if current is None:
            return f"event {event.id} is a {event.type}, a type without a contract"
        return (
            f"event {event.id} is a {event.type} of version {event.schema_version}; the newest is {current}"
        )


def lift(event: StoredEvent) -> StoredEvent:
    """Return an event in the current version of its type. Raises `UnknownEvent`."""
    return _upcasting().lift(event)


def require_current(event: StoredEvent) -> None:
    """Raise `UnknownEvent` for an event that could not be read again."""
    _upcasting().require_current(event)


@cache
def _upcasting() -> Upcasting:
    payloads = import_module(settings.EVENTS_PAYLOADS)
    return Upcasting(payloads.CONTRACTS, payloads.STEPS)

"""Reads the log for verification, chunk by chunk, continuing after events that cannot be read.

Rows are read here and not by `events.store.read`, which rightly stops at an event of an unknown type: here it
must be reported.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from django.db import connection

from events import store
from events.message import StoredEvent
from events.upcasting import UnknownEvent, lift
from projections.verification.findings import Findings

CHUNK: Final = 2000
_BEFORE: Final = -(2**62)

BROKEN: Final = (KeyError, ValueError, TypeError, AttributeError, ArithmeticError, UnknownEvent)
"""Errors raised by reading an event that the ledger cannot have written."""


class Chunk(NamedTuple):
    """Part of the log: the number of events up to a position, and the readable ones."""

    number: int
    upto: int
    events: list[StoredEvent]


def chunks(
    size: int,
    check: Callable[[StoredEvent], None],
    findings: Findings,
) -> Iterator[Chunk]:
    """Yield the events of the snapshot in order, in current versions, leaving out those that `check`
    cannot read.
    """
    after = _BEFORE
    while rows := _rows(after, size):
        events: list[StoredEvent] = []
        for row in rows:
            try:
                event = lift(store.stored_event(row))
                check(event)
            except BROKEN as error:
                name_broken(row[0], error, "data", findings)
            else:
                events.append(event)
        after = rows[-1][0]
        yield Chunk(len(rows), after, events)


def each(
    events: Sequence[StoredEvent],
    check: Callable[[StoredEvent], None],
    findings: Findings,
    what: str = "data",
) -> list[StoredEvent]:
    """Run a check on each event, report broken events, and return the others."""
    readable = []
    for event in events:
        try:
            check(event)
        except BROKEN as error:
            name_broken(event.position, error, what, findings)
        else:
            readable.append(event)
    return readable


def name_broken(position: int, error: Exception, what: str, findings: Findings) -> None:
    """Report an event that cannot be read, or a part of one."""
    found = f"{type(error).__name__}: {error}"
    findings.add(f"event {position}", what, expected="a readable event", found=found)


def _rows(after: int, limit: int) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"{store.SELECT} where position > %s order by position limit %s",
            [after, limit],
        )
        return list(cursor.fetchall())

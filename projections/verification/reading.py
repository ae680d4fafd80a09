"""Reading the log for verification: chunk by chunk, and past whatever cannot be read."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from events import store
from events.message import StoredEvent
from projections.verification.findings import Findings

CHUNK: Final = 2000
_BEYOND: Final = 2**62

BROKEN: Final = (KeyError, ValueError, TypeError, AttributeError, ArithmeticError)
"""What reading an event raises that is not what the ledger writes."""


def chunks(size: int) -> Iterator[list[StoredEvent]]:
    """Every event of the snapshot, in order."""
    after = -_BEYOND
    while events := store.read(after=after, upto=_BEYOND, limit=size):
        yield events
        after = events[-1].position


def each(
    events: Sequence[StoredEvent],
    check: Callable[[StoredEvent], None],
    findings: Findings,
    what: str = "data",
) -> list[StoredEvent]:
    """Run a check on each event and name those that are broken; the others."""
    readable = []
    for event in events:
        try:
            check(event)
        except BROKEN as error:
            found = f"{type(error).__name__}: {error}"
            findings.add(f"event {event.position}", what, expected="a readable event", found=found)
        else:
            readable.append(event)
    return readable

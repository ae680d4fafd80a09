"""What of an operation can still be taken back."""

from django.db import connection

from events.message import StoredEvent
from ledger.domain.errors import NotReversible
from ledger.domain.reversals import Original, Reversed
from ledger.domain.reversing import reversible
from ledger.state import read_reversed


def reversed_so_far(event: StoredEvent) -> Reversed | None:
    """How much of an operation was reversed; None where operations of its kind are not."""
    try:
        total = reversible(Original(id=event.id, type=event.type, data=event.data))
    except NotReversible:
        return None
    with connection.cursor() as cursor:
        found = read_reversed(cursor, [event.id])
    return found[0] if found else Reversed(operation=event.id, total=total)

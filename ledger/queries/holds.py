"""A hold as it stands."""

from datetime import datetime
from uuid import UUID

from django.db import connection

from ledger.domain.holds import Hold
from ledger.state import read_holds


def find(hold: UUID, *, at: datetime) -> Hold | None:
    """The hold of that id. One that is overdue is shown as expired, swept or not: Note [Overdue]."""
    with connection.cursor() as cursor:
        found = read_holds(cursor, [str(hold)])
    return found[0].as_of(at) if found else None

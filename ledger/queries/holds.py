"""A hold as it stands."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db import connection

from ledger.domain.holds import Hold
from ledger.domain.money import ZERO
from ledger.state import read_holds


def find(hold: UUID, *, at: datetime) -> Hold | None:
    """The hold of that id. One that is overdue is shown as expired, swept or not: Note [Overdue]."""
    with connection.cursor() as cursor:
        found = read_holds(cursor, [str(hold)])
    if not found:
        return None
    if found[0].is_overdue(at):
        return replace(found[0], state="expired", remaining=ZERO)
    return found[0]

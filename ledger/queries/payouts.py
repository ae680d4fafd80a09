"""A payout as it stands."""

from uuid import UUID

from django.db import connection

from ledger.domain.payouts import Payout
from ledger.state import read_payouts


def find(payout: UUID) -> Payout | None:
    """The payout of that id."""
    with connection.cursor() as cursor:
        found = read_payouts(cursor, [str(payout)])
    return found[0] if found else None

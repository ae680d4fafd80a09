"""Reads single holds, payouts, consulting contracts and coupons, and what is left to reverse."""

from datetime import datetime
from uuid import UUID

from django.db import connection

from events.message import StoredEvent
from ledger.domain.consulting import Contract
from ledger.domain.coupons import Grant, in_spending_order
from ledger.domain.errors import NotReversible
from ledger.domain.holds import Hold
from ledger.domain.payouts import Payout
from ledger.domain.reversal_commands import reversible
from ledger.domain.reversals import Original, Reversed
from ledger.engine import kept_store


def find_hold(hold: UUID, *, at: datetime) -> Hold | None:
    """Return a hold as of `at`: an overdue one is expired, swept or not. See Note [Overdue]."""
    with connection.cursor() as cursor:
        found = kept_store.read_holds(cursor, [str(hold)])
    return found[0].as_of(at) if found else None


def find_payout(payout: UUID) -> Payout | None:
    """Return the payout with this id, if there is one."""
    with connection.cursor() as cursor:
        found = kept_store.read_payouts(cursor, [str(payout)])
    return found[0] if found else None


def find_contract(contract: int) -> Contract | None:
    """Return the contract signed for a consulting request, if there is one."""
    with connection.cursor() as cursor:
        found = kept_store.read_contracts(cursor, [contract])
    return found[0] if found else None


def live_grants(user: int, *, at: datetime) -> list[Grant]:
    """Return the user's grants that have something left and have not expired, in spending order."""
    with connection.cursor() as cursor:
        grants = kept_store.read_grants(cursor, [user])
    return in_spending_order(grant for grant in grants if grant.is_live(at))


def reversed_so_far(event: StoredEvent) -> Reversed | None:
    """Return how much of an operation was reversed; None if its kind cannot be reversed."""
    try:
        total = reversible(Original(id=event.id, type=event.type, data=event.data))
    except NotReversible:
        return None
    with connection.cursor() as cursor:
        found = kept_store.read_reversed(cursor, [event.id])
    return found[0] if found else Reversed(operation=event.id, total=total)

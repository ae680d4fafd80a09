"""A user's coupons: the grants that are live, in the order they are spent."""

from datetime import datetime

from django.db import connection

from ledger.domain.coupons import Grant, in_spending_order
from ledger.state import read_grants


def live_grants(user: int, *, at: datetime) -> list[Grant]:
    """The grants of a user with something left that has not expired."""
    with connection.cursor() as cursor:
        grants = read_grants(cursor, [user])
    return in_spending_order(grant for grant in grants if grant.is_live(at))

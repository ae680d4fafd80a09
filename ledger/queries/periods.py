"""Reads periods and frozen balances."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection

from ledger.domain.periods import Month, Period
from ledger.engine.periods import read_closed_until, read_periods


class FrozenBalance(NamedTuple):
    """The balance of an account at the end of a closed month, with all debits and credits until then.

    `balance` is counted on the account's normal side.
    """

    account_id: int
    account: str
    currency: str
    debits: Decimal
    credits: Decimal
    balance: Decimal


def all_periods() -> tuple[datetime | None, list[Period]]:
    """Return the time before which everything is closed, and every month ever closed, newest first."""
    with connection.cursor() as cursor:
        closed = read_closed_until(cursor)
        return closed, read_periods(cursor)[::-1]


def find(month: Month) -> Period | None:
    """Return the period of a month; None if the month was never closed."""
    with connection.cursor() as cursor:
        return next((period for period in read_periods(cursor) if period.month == month), None)


def frozen_balances(month: Month, *, after: int, limit: int) -> list[FrozenBalance]:
    """Return the frozen balances of a closed month in the order of account ids, from after one on."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select b.account_id, a.code, a.currency, b.debits, b.credits, b.balance
               from ledger_period_balance b join ledger_account a on a.id = b.account_id
               where b.month = %s and b.account_id > %s order by b.account_id limit %s""",
            [str(month), after, limit],
        )
        return [FrozenBalance(*row) for row in cursor.fetchall()]

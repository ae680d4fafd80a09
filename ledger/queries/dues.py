"""Reads what a user owes, by age. Payments pay the oldest debt first: the latest charges are still owed."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.db import connection

from ledger.domain.money import ZERO

AGES_DAYS: Final = (30, 60, 90)
"""The upper bounds of the age groups: up to 30 days, 31 to 60, 61 to 90, and older."""

_READ_AT_ONCE: Final = 500


class Due(NamedTuple):
    """The debt in one currency. `by_age` adds up to `balance`, the youngest first."""

    balance: Decimal
    by_age: tuple[Decimal, ...]
    oldest: datetime | None
    credit_limit: Decimal | None
    """The user's own limit; None if the tariff's limit applies."""


def dues_of(user: int, *, at: datetime) -> Mapping[str, Due] | None:
    """Return the user's debts by currency; None if the user has neither a row nor a due account."""
    with connection.cursor() as cursor:
        cursor.execute("select exists (select from models_user where id = %s)", [user])
        known = cursor.fetchone()[0]
        cursor.execute(
            """select currency, id, balance, credit_limit from ledger_account
               where user_id = %s and kind in ('user:due:usd', 'user:due:eaml')""",
            [user],
        )
        rows = cursor.fetchall()
    if not known and not rows:
        return None
    found = {currency: _due(account, balance, limit, at) for currency, account, balance, limit in rows}
    nothing = Due(ZERO, (ZERO,) * (len(AGES_DAYS) + 1), None, None)
    return {"USD": nothing, "EAML": nothing} | found


def _due(account: int, balance: Decimal, limit: Decimal | None, at: datetime) -> Due:
    by_age, left, oldest = [ZERO] * (len(AGES_DAYS) + 1), balance, None
    if left:
        for amount, recorded_at in _charges(account):
            part = min(left, amount)
            days = (at - recorded_at).days
            by_age[sum(days > age for age in AGES_DAYS)] += part
            left, oldest = left - part, recorded_at
            if not left:
                break
    return Due(balance, tuple(by_age), oldest, limit)


def _charges(account: int) -> Iterator[tuple[Decimal, datetime]]:
    """Yield amount and time of the charges on a due account, the latest first, read in chunks as needed."""
    before: int | None = None
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                """select account_version, side, amount, recorded_at from models_entry
                   where account_id = %(account)s
                     and account_version < coalesce(%(before)s::bigint, 9223372036854775807)
                   order by account_version desc limit %(limit)s""",
                {"account": account, "before": before, "limit": _READ_AT_ONCE},
            )
            rows = cursor.fetchall()
        if not rows:
            return
        yield from ((amount, recorded_at) for _, side, amount, recorded_at in rows if side == "D")
        before = rows[-1][0]

"""What a user owes, by age: what came in last is what is still owed, because money settles the oldest."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.db import connection

from ledger.domain.money import ZERO

AGES_DAYS: Final = (30, 60, 90)
"""The upper ends of the ages: up to 30 days, 31 to 60, 61 to 90, and older."""


class Due(NamedTuple):
    """What is owed in one currency. `by_age` adds up to `balance`, youngest first."""

    balance: Decimal
    by_age: tuple[Decimal, ...]
    oldest: datetime | None
    credit_limit: Decimal | None
    """The user's own limit; None: the tariff's."""


def dues(user: int, *, at: datetime) -> Mapping[str, Due] | None:
    """What a user owes by currency; None where no such user is known."""
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


def _charges(account: int) -> list[tuple[Decimal, datetime]]:
    """What became due on an account, the latest first, as far back as its balance reaches."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select amount, recorded_at from (
                   select e.amount, e.recorded_at, e.account_version,
                          sum(e.amount) over (order by e.account_version desc) - e.amount as younger
                   from models_entry e where e.account_id = %(account)s and e.side = 'D') charge
               where younger < (select balance from ledger_account where id = %(account)s)
               order by account_version desc""",
            {"account": account},
        )
        return list(cursor.fetchall())

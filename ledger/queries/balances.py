"""A user's balances as they stand, in one consistent read."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.db import connection

from ledger.domain.chart import USER_ACCOUNTS
from ledger.domain.money import ZERO

NAMES: Final = tuple(account.name for account in USER_ACCOUNTS)


class Balance(NamedTuple):
    """One account. `version` counts its entries."""

    balance: Decimal
    held: Decimal
    version: int

    @property
    def available(self) -> Decimal:
        """What may be spent: balance − held."""
        return self.balance - self.held


class Balances(NamedTuple):
    """All accounts of a user by name (`usd`, `due:eaml`), as of the last event that touched one.

    `position` and `recorded_at` are that event's: 0 and None where there never was any. The position
    grows with every change.
    """

    accounts: Mapping[str, Balance]
    position: int
    recorded_at: datetime | None


_NONE: Final = Balance(ZERO, ZERO, 0)


def balances(user: int) -> Balances | None:
    """The balances of a user; None where no such user is known and none ever had an account."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select a.code, a.balance, a.held, a.version, a.position, a.recorded_at
               from ledger_account a where a.user_id = %(user)s
               union all
               select null, null, null, null, 0, null from models_user u where u.id = %(user)s""",
            {"user": user},
        )
        rows = cursor.fetchall()
    if not rows:
        return None
    found = {row[0].split(":", 2)[2]: Balance(*row[1:4]) for row in rows if row[0] is not None}
    return Balances(
        accounts={name: found.get(name, _NONE) for name in NAMES},
        position=max(row[4] for row in rows),
        recorded_at=max((row[5] for row in rows if row[5] is not None), default=None),
    )

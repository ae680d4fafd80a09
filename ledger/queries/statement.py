"""A user's statement: every entry on his accounts with the balance after it, in order.

# Note [Statement order]
A user's accounts are locked from before an event takes its position until it is committed, so for
one user positions, times of recording and entry ids all ascend in the order of commits. Nothing can
still appear before a line that was read, and a page needs no settled position.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from django.db import connection

from ledger.domain.chart import USER_ACCOUNTS, user_account

ACCOUNT_NAMES: Final = tuple(account.name for account in USER_ACCOUNTS)


class Place(NamedTuple):
    """Where a page ends: the time of recording and the id of its last line."""

    recorded_at: datetime
    entry: int


_BEFORE_ALL: Final = Place(datetime.min.replace(tzinfo=UTC), 0)
_AFTER_ALL: Final = Place(datetime.max.replace(tzinfo=UTC), 0)

# Each account's next lines by its versions, so that what is read does not grow with what is there.
_PAGE: Final = """
    select e.id, e.operation_id, o.kind, e.transfer, e.code, e.side, e.currency, e.amount,
           e.balance_after, e.account_version, e.position, e.occurred_at, e.recorded_at, e.effective_at
    from (
        select a.code, e.*
        from (
            select id, code, ledger_version_at(id, %(first_at)s, %(first_entry)s) as first,
                   ledger_version_at(id, %(last_at)s, %(last_entry)s) as last
            from ledger_account
            where user_id = %(user)s and kind <> 'escrow' and code = coalesce(%(code)s, code)
            offset 0) a
        cross join lateral (
            select * from models_entry
            where account_id = a.id and account_version > a.first and account_version <= a.last
            order by account_version limit %(limit)s) e
        order by e.recorded_at, e.id limit %(limit)s) e
    join models_operation o on o.id = e.operation_id
    order by e.recorded_at, e.id"""


class Line(NamedTuple):
    """One entry on an account of the user. `account` is its code, `version` counts its entries."""

    entry: int
    operation: UUID
    kind: str
    transfer: int
    account: str
    side: str
    currency: str
    amount: Decimal
    balance_after: Decimal
    version: int
    position: int
    occurred_at: datetime
    recorded_at: datetime
    effective_at: datetime

    @property
    def place(self) -> Place:
        """Where a page that ends with this line ends."""
        return Place(self.recorded_at, self.entry)


def statement(
    user: int,
    *,
    account: str | None = None,
    recorded_from: datetime | None = None,
    recorded_to: datetime | None = None,
    after: Place | None = None,
    limit: int,
) -> list[Line]:
    """The next lines after a place, oldest first; `recorded_from` ≤ t < `recorded_to`.

    `account` is the name of one of the user's accounts (`usd`, `due:eaml`).
    """
    first = max(after or _BEFORE_ALL, Place(recorded_from, 0) if recorded_from else _BEFORE_ALL)
    last = Place(recorded_to, 0) if recorded_to else _AFTER_ALL
    values = {
        "user": user,
        "code": None if account is None else user_account(user, account),
        "first_at": first.recorded_at,
        "first_entry": first.entry,
        "last_at": last.recorded_at,
        "last_entry": last.entry,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_PAGE, values)
        return [Line(*row) for row in cursor.fetchall()]

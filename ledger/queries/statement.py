"""Reads a user's statement: the entries on all of the user's accounts, in order, with the balance after each.

# Note [Statement order]
A user's accounts are locked from before an event is given its position until it is committed. So for one user
positions, times of recording and entry ids all ascend in the order of commits. No entry can appear before a
line that was read, and a page needs no settled position.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from django.db import connection

from ledger.domain.chart import user_account


class PageEnd(NamedTuple):
    """The end of a page: the time of recording and the entry id of its last line."""

    recorded_at: datetime
    entry: int


_BEFORE_ALL: Final = PageEnd(datetime.min.replace(tzinfo=UTC), 0)
_AFTER_ALL: Final = PageEnd(datetime.max.replace(tzinfo=UTC), 0)

# Reads the next lines of each account by version, so that the cost does not grow with the number of entries.
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
    """One entry on an account of the user. `account` is the code; `version` numbers the account's entries."""

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
    def page_end(self) -> PageEnd:
        """Return the end of a page whose last line this is."""
        return PageEnd(self.recorded_at, self.entry)


def statement(
    user: int,
    *,
    account: str | None = None,
    recorded_from: datetime | None = None,
    recorded_to: datetime | None = None,
    after: PageEnd | None = None,
    limit: int,
) -> list[Line]:
    """Return the next lines after the end of a page, oldest first, with `recorded_from` ≤ t < `recorded_to`.

    `account` is the name of one of the user's accounts (`usd`, `due:eaml`).
    """
    first = max(after or _BEFORE_ALL, PageEnd(recorded_from, 0) if recorded_from else _BEFORE_ALL)
    last = PageEnd(recorded_to, 0) if recorded_to else _AFTER_ALL
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

"""A user's statement: every entry on his accounts with the balance after it, in order.

# Note [Statement order]
A user's accounts are locked from before an event takes its position until it is committed, so for
one user positions, times of recording and entry ids all ascend in the order of commits. Nothing can
still appear before a line that was read, and a page needs no settled position.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from ledger.domain.chart import USER_ACCOUNTS, user_account

ACCOUNT_NAMES: Final = tuple(account.name for account in USER_ACCOUNTS)


class Place(NamedTuple):
    """Where a page ends: the time of recording and the id of its last line."""

    recorded_at: datetime
    entry: int


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
    conditions = ["a.user_id = %(user)s", "a.kind <> 'escrow'"]
    values: dict[str, Any] = {"user": user, "limit": limit}
    if account is not None:
        conditions.append("a.code = %(code)s")
        values["code"] = user_account(user, account)
    if recorded_from is not None:
        conditions.append("e.recorded_at >= %(recorded_from)s")
        values["recorded_from"] = recorded_from
    if recorded_to is not None:
        conditions.append("e.recorded_at < %(recorded_to)s")
        values["recorded_to"] = recorded_to
    if after is not None:
        conditions.append("(e.recorded_at, e.id) > (%(recorded_at)s, %(entry)s)")
        values |= after._asdict()
    with connection.cursor() as cursor:
        cursor.execute("select exists (select from models_user where id = %s)", [user])
        if cursor.fetchone()[0]:
            # What the index is on. The entries of a user who was deleted are found by account only.
            conditions.append("e.user_id = %(user)s")
        cursor.execute(
            f"""select e.id, e.operation_id, o.kind, e.transfer, a.code, e.side, e.currency, e.amount,
                       e.balance_after, e.account_version, e.position, e.occurred_at, e.recorded_at,
                       e.effective_at
                from models_entry e
                join ledger_account a on a.id = e.account_id
                join models_operation o on o.id = e.operation_id
                where {" and ".join(conditions)}
                order by e.recorded_at, e.id limit %(limit)s""",  # noqa: S608 (fixed texts)
            values,
        )
        return [Line(*row) for row in cursor.fetchall()]

"""Reads a user's balances, now or as of a time, in one statement.

# Note [Overdue]
An expired coupon or hold is taken off its account by the next decision about the user, or by the sweep. Until
then the rows still include it, so everything that shows a balance subtracts it.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.db import connection

from ledger.domain.chart import USER_ACCOUNTS, name_of
from ledger.domain.money import ZERO

_ACCOUNT_NAMES: Final = tuple(account.name for account in USER_ACCOUNTS)


class Balance(NamedTuple):
    """The balance of one account. `version` is the number of its entries."""

    balance: Decimal
    held: Decimal
    version: int

    @property
    def available(self) -> Decimal:
        """Return what can be spent: balance − held."""
        return self.balance - self.held


class Balances(NamedTuple):
    """The balances of a user's accounts by name (`usd`, `due:eaml`).

    `position` and `recorded_at` are those of the last event that changed one of them; 0 and None if there was
    none. The position grows with every change.
    """

    accounts: Mapping[str, Balance]
    position: int
    recorded_at: datetime | None


LAST_ENTRY: Final = 2**63 - 1
"""At least as large as the id of any entry."""

_NONE: Final = Balance(ZERO, ZERO, 0)

_NOW: Final = """
    select a.code,
           a.balance - case when a.kind = 'user:coupon' then (
               select coalesce(sum(g.remaining), 0) from ledger_grant g
               where g.user_id = a.user_id and g.remaining > 0 and g.expires_at <= %(at)s) else 0 end,
           a.held - case when a.held > 0 and a.kind = 'user:eaml' then (
               select coalesce(sum((h.kept ->> 'remaining')::numeric), 0) from ledger_hold h
               where h.user_id = a.user_id and h.state = 'open' and h.expires_at <= %(at)s) else 0 end,
           a.version, a.position, a.recorded_at
    from ledger_account a where a.user_id = %(user)s and a.kind <> 'escrow'
    union all
    select null, null, null, null, 0, null from models_user u where u.id = %(user)s"""

_AS_OF: Final = """
    with remained as (
        select distinct on (subject) subject_kind, remaining, expires_at, position, recorded_at
        from ledger_remaining where user_id = %(user)s and recorded_at <= %(at)s
        order by subject, position desc)
    select a.code,
           case when a.kind = 'user:coupon' then (
               select coalesce(sum(remaining), 0) from remained
               where subject_kind = 'grant' and (expires_at is null or expires_at > %(at)s))
           else coalesce(e.balance_after, 0) end,
           case a.kind when 'user:eaml' then (
               select coalesce(sum(remaining), 0) from remained
               where subject_kind = 'hold' and expires_at > %(at)s)
           when 'user:usd' then (
               select coalesce(sum(remaining), 0) from remained where subject_kind = 'payout')
           else 0 end,
           coalesce(e.account_version, 0),
           greatest(coalesce(e.position, 0), (select coalesce(max(position), 0) from remained)),
           greatest(e.recorded_at, (select max(recorded_at) from remained))
    from ledger_account a
    left join models_entry e
        on e.account_id = a.id and e.account_version = ledger_version_at(a.id, %(at)s, %(last)s)
    where a.user_id = %(user)s and a.kind <> 'escrow'
    union all
    select null, null, null, null, 0, null from models_user u where u.id = %(user)s"""


def balances(user: int, *, at: datetime) -> Balances | None:
    """Return the balances now, which is `at`; None if the user has neither a row nor an account."""
    return _read(_NOW, user, at)


def balances_as_of(user: int, *, at: datetime) -> Balances | None:
    """Return the balances as of a time in the past, by time of recording; None as in `balances`."""
    return _read(_AS_OF, user, at)


def _read(sql: str, user: int, at: datetime) -> Balances | None:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"user": user, "at": at, "last": LAST_ENTRY})
        rows = [_Row(*row) for row in cursor.fetchall()]
    if not rows:
        return None
    found = {name_of(row.code): Balance(row.balance, row.held, row.version) for row in rows if row.code}
    return Balances(
        accounts={name: found.get(name, _NONE) for name in _ACCOUNT_NAMES},
        position=max(row.position for row in rows),
        recorded_at=max((row.recorded_at for row in rows if row.recorded_at is not None), default=None),
    )


def is_to_come(at: datetime) -> bool:
    """Return True if a time is later than the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("select %s > clock_timestamp()", [at])
        return bool(cursor.fetchone()[0])


class _Row(NamedTuple):
    """A row of `_NOW` or `_AS_OF`: an account, or for the user's own row only nulls and position 0."""

    code: str | None
    balance: Decimal
    held: Decimal
    version: int
    position: int
    recorded_at: datetime | None

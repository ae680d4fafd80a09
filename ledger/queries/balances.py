"""A user's balances, now or as of a time, in one consistent read.

# Note [Overdue]
A coupon or a hold whose time is over is taken off its account by the next decision about the user,
or by the sweep; until then the rows still have it. Whatever shows a balance looks at the time.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.db import connection

from ledger.domain.chart import USER_ACCOUNTS, name_of
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


LAST_ENTRY: Final = 2**63 - 1
"""Not less than the id of any entry."""

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
    """The balances now, which is `at`; None where no such user is known and none ever had an account."""
    return _read(_NOW, user, at)


def balances_as_of(user: int, *, at: datetime) -> Balances | None:
    """The balances as they were at a time that is over, by time of recording."""
    return _read(_AS_OF, user, at)


def _read(sql: str, user: int, at: datetime) -> Balances | None:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"user": user, "at": at, "last": LAST_ENTRY})
        rows = cursor.fetchall()
    if not rows:
        return None
    found = {name_of(row[0]): Balance(*row[1:4]) for row in rows if row[0] is not None}
    return Balances(
        accounts={name: found.get(name, _NONE) for name in NAMES},
        position=max(row[4] for row in rows),
        recorded_at=max((row[5] for row in rows if row[5] is not None), default=None),
    )

"""Stores periods, and the balances that are frozen when a period is closed.

# Note [Freezing]
The balance of every account at the end of a month is summed in two parts. The first part, up to the settled
position, is nearly all of it; it is summed before anything is locked. The rest is summed under the exclusive
lock on periods and tariffs, while no other batch can post. Both parts go into a temporary table, and become
the frozen balances if the closing is recorded.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from events.message import StoredEvent
from ledger.domain.chart import USER_ACCOUNT_IDS_FROM
from ledger.domain.codec import decode_period
from ledger.domain.periods import Month, MonthEnd, Period, Total
from ledger.engine.rows import ENTRIES_MAX

ACCOUNT_GROUP: Final = f"case when a.id < {USER_ACCOUNT_IDS_FROM} then a.code else a.kind end"
"""The name under which account `a` is summed: a platform account's code, and the kind of any other."""

_SUMS: Final = """
    insert into period_sum (month, account_id, debits, credits)
    select %(month)s, account_id,
           coalesce(sum(amount) filter (where side = 'D'), 0),
           coalesce(sum(amount) filter (where side = 'C'), 0)
    from models_entry
    where effective_at < %(ends_at)s and """


def read_closed_until(cursor: Any) -> datetime | None:
    """Return the time before which everything is closed; None if no period was ever closed."""
    cursor.execute("select ledger_closed_until()")
    closed: datetime | None = cursor.fetchone()[0]
    return closed


def read_periods(cursor: Any) -> list[Period]:
    """Return every month that was ever closed, the earliest first."""
    cursor.execute("select month, kept::text from ledger_period order by month")
    return [decode_period(month, json.loads(kept)) for month, kept in cursor.fetchall()]


class Freezing:
    """The balances of the months that one transaction closes: Note [Freezing]."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._settled_at: dict[Month, int] = {}

    def sum_settled(self, months: Iterable[Month]) -> None:
        """Sum what is settled and counts until the end of each month. Nothing needs to be locked."""
        for month in months:
            self._cursor.execute("select position from events_settled where id = 1")
            settled: int = self._cursor.fetchone()[0]
            self._cursor.execute(
                """create temporary table if not exists period_sum
                       (month text, account_id bigint, debits numeric, credits numeric) on commit drop""",
            )
            self._cursor.execute("delete from period_sum where month = %s", [str(month)])
            self._cursor.execute(f"{_SUMS} id < %(unsettled)s group by account_id", _bounds(month, settled))
            self._settled_at[month] = settled

    def sum_rest(self, months: Iterable[Month]) -> list[MonthEnd]:
        """Sum the rest, under the lock on periods; return the months' figures, which closing them needs."""
        wanted = list(months)
        self.sum_settled(month for month in wanted if month not in self._settled_at)
        return [self._month_end(month) for month in wanted]

    def freeze(self, events: Sequence[StoredEvent]) -> None:
        """Store the balances of months that the events closed; delete those of months that they reopened."""
        for event in events:
            if event.type == "period.closed":
                self._cursor.execute(
                    """insert into ledger_period_balance (month, account_id, debits, credits, balance)
                       select s.month, s.account_id, sum(s.debits), sum(s.credits),
                              sum(case a.normal_side when 'D' then s.debits - s.credits
                                                     else s.credits - s.debits end)
                       from period_sum s join ledger_account a on a.id = s.account_id
                       where s.month = %s group by s.month, s.account_id order by s.account_id""",
                    [event.data["period"]],
                )
            elif event.type == "period.reopened":
                self._cursor.execute(
                    "delete from ledger_period_balance where month = %s", [event.data["period"]]
                )

    def discard(self) -> None:
        """Drop the sums, after a preview that stays in the caller's transaction."""
        if self._settled_at:
            self._cursor.execute("drop table pg_temp.period_sum")

    def _month_end(self, month: Month) -> MonthEnd:
        settled = self._settled_at[month]
        self._cursor.execute(f"{_SUMS} id >= %(unsettled)s group by account_id", _bounds(month, settled))
        self._cursor.execute(
            f"""select {ACCOUNT_GROUP}, a.currency, sum(s.debits), sum(s.credits)
                from period_sum s join ledger_account a on a.id = s.account_id
                where s.month = %s group by 1, 2 order by 2 desc, {ACCOUNT_GROUP} collate "C" """,  # noqa: S608 (fixed names)
            [str(month)],
        )
        totals = tuple(Total(*row) for row in self._cursor.fetchall())
        self._cursor.execute(
            """select (select count(*) from ledger_grant where remaining > 0 and expires_at < %(ends_at)s),
                      (select count(*) from ledger_hold where state = 'open' and expires_at < %(ends_at)s)""",
            {"ends_at": month.ends_at},
        )
        grants, holds = self._cursor.fetchone()
        return MonthEnd(month=month, grants=grants, holds=holds, settled=settled, totals=totals)


def _bounds(month: Month, settled: int) -> dict[str, Any]:
    """Return the parameters of `_SUMS`. `unsettled` is the lowest possible id of an unsettled entry."""
    return {"month": str(month), "ends_at": month.ends_at, "unsettled": (settled + 1) * ENTRIES_MAX}

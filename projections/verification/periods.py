"""Derives effective times and the frozen balances of periods again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from events.message import StoredEvent
from ledger.domain.codec import decode_period
from ledger.domain.decide import OPERATION_TYPES
from ledger.domain.money import text
from ledger.domain.periods import Period, closed_until, effective_at
from ledger.engine.periods import ACCOUNT_GROUP
from projections.period_balances import SUMMED
from projections.verification.findings import Findings


class Periods:
    """Follows the periods through the log. Nothing is posted while a period changes (see
    `ledger.engine.periods`).
    """

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._periods: dict[str, Period] = {}
        self._closed: datetime | None = None

    def check(self, event: StoredEvent) -> None:
        """Check the effective time of an operation against the periods before it. Raises one of `BROKEN`."""
        if event.type in OPERATION_TYPES:
            expected = effective_at(event.occurred_at, recorded_at=event.recorded_at, closed=self._closed)
            said = event.data.get("effective_at")
            found = event.occurred_at if said is None else datetime.fromisoformat(said)
            if found != expected:
                where = f"event {event.position}"
                self._findings.add(
                    where, "effective_at", expected=expected.isoformat(), found=found.isoformat()
                )
        if "periods" in event.data:
            self._periods |= {
                month: decode_period(month, kept) for month, kept in event.data["periods"].items()
            }
            self._closed = closed_until(self._periods.values())

    def finish(self, cursor: Any) -> None:
        """Sum every closed period again, and compare with the frozen balances and its event."""
        closed = [month for month, period in self._periods.items() if period.state == "closed"]
        cursor.execute("select exists (select from ledger_period_balance)")
        if (closed or cursor.fetchone()[0]) and self._balances_agree(cursor, closed):
            self._compare_totals(cursor, closed)

    def _balances_agree(self, cursor: Any, closed: Sequence[str]) -> bool:
        before, columns = self._findings.count, ("debits", "credits", "balance")
        cursor.execute(
            f"""{SUMMED}
                select coalesce(s.month, b.month), a.code, s.debits, s.credits, s.balance,
                       b.debits, b.credits, b.balance
                from summed s
                full join ledger_period_balance b on (b.month, b.account_id) = (s.month, s.account_id)
                left join ledger_account a on a.id = coalesce(s.account_id, b.account_id)
                where (s.debits, s.credits, s.balance) is distinct from (b.debits, b.credits, b.balance)
                order by 1, 2""",  # noqa: S608 (fixed names)
            {"closed": list(closed)},
        )
        for month, code, *sums in cursor.fetchall():
            where = f"period {month}, account {code}"
            if None in sums:
                rows = ("no row", "a row") if sums[0] is None else ("a row", "no row")
                self._findings.add(where, "ledger_period_balance", expected=rows[0], found=rows[1])
                continue
            for column, expected, found in zip(columns, sums[:3], sums[3:], strict=True):
                if expected != found:
                    self._findings.add(
                        where,
                        f"ledger_period_balance.{column}",
                        expected=text(expected),
                        found=text(found),
                    )
        return self._findings.count == before

    def _compare_totals(self, cursor: Any, closed: Sequence[str]) -> None:
        cursor.execute(
            f"""select b.month, {ACCOUNT_GROUP}, a.currency, sum(b.debits), sum(b.credits)
                from ledger_period_balance b join ledger_account a on a.id = b.account_id
                group by 1, 2, 3""",  # noqa: S608
        )
        expected = {tuple(row[:3]): (text(row[3]), text(row[4])) for row in cursor.fetchall()}
        found = {
            (month, total.account, total.currency): (text(total.debits), text(total.credits))
            for month in closed
            for total in self._periods[month].totals
        }
        for key in sorted(expected.keys() | found.keys()):
            if expected.get(key) != found.get(key):
                month, account, currency = key
                self._findings.add(
                    f"period {month} (event {self._periods[month].event})",
                    f"totals of {account} {currency}",
                    expected=_shown(expected.get(key)),
                    found=_shown(found.get(key)),
                )


def _shown(sums: tuple[str, str] | None) -> str | None:
    return None if sums is None else f"{sums[0]} debited, {sums[1]} credited"

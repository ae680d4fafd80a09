"""The trial balance: debits and credits of every kind of account, as of a settled position.

Covers everything up to the position, or what is effective by the end of a month.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

from ledger.domain.money import EAML, USD, ZERO
from ledger.domain.periods import Month
from ledger.engine.periods import ACCOUNT_GROUP
from projections.reports.stamp import stamp
from projections.verification.rows import last_entry_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One account of the platform, or all users' accounts of a kind. `balance` is on the normal side."""

    account: str
    currency: str
    debits: Decimal
    credits: Decimal
    balance: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialBalance:
    """All lines, ordered by currency and account."""

    position: int
    lines: Sequence[Line]
    month: Month | None = None

    def delta(self, currency: str) -> Decimal:
        """Return debits minus credits of a currency: zero unless the books are wrong."""
        return sum((line.debits - line.credits for line in self.lines if line.currency == currency), ZERO)

    def totals(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Return debits and credits by currency."""
        return {
            currency: (
                sum((line.debits for line in self.lines if line.currency == currency), ZERO),
                sum((line.credits for line in self.lines if line.currency == currency), ZERO),
            )
            for currency in (USD, EAML)
        }


def trial_balance(position: int | None = None, month: Month | None = None) -> TrialBalance:
    """Sum the entries up to a settled position; the same position always gives the same result.

    With a month, only entries effective by its end: once the month is closed, every later position gives
    the same result. Raises `NotSettled`.
    """
    upto = stamp(position)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""select {ACCOUNT_GROUP} as account, sums.currency,
                      sum(sums.debits), sum(sums.credits),
                      sum(case a.normal_side when 'D' then sums.debits - sums.credits
                                             else sums.credits - sums.debits end)
               from (select account_id, currency,
                            coalesce(sum(amount) filter (where side = 'D'), 0) as debits,
                            coalesce(sum(amount) filter (where side = 'C'), 0) as credits
                     from models_entry
                     where id <= %(last)s and (%(ends_at)s is null or effective_at < %(ends_at)s)
                     group by account_id, currency) sums
               join ledger_account a on a.id = sums.account_id
               group by 1, 2 order by 2 desc, {ACCOUNT_GROUP} collate "C" """,  # noqa: S608 (fixed names)
            {"last": last_entry_id(upto), "ends_at": None if month is None else month.ends_at},
        )
        lines = [
            Line(account=row[0], currency=row[1], debits=row[2], credits=row[3], balance=row[4])
            for row in cursor.fetchall()
        ]
    return TrialBalance(position=upto, lines=lines, month=month)

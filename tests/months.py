"""Months to close, times in them, and closing by two people."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from events.message import StoredEvent
from ledger.domain.closing import PeriodAction
from ledger.domain.periods import Month
from ledger.engine.submission import Outcome
from models import Operation
from models.billing import Entry
from tests import commands as do
from tests.builders import post_one, recorded

THIS: Final[Month] = Month.of(timezone.now())
LAST: Final[Month] = Month.of(THIS.starts_at - timedelta(days=1))
BEFORE: Final[Month] = Month.of(LAST.starts_at - timedelta(days=1))
"""The month before the last. It ended no more than 90 days ago."""


@dataclass
class ClosedMonths:
    """A second implementation of the rules of closing: the closed months, and the next one (None: any)."""

    months: list[Month] = field(default_factory=list)
    next: Month | None = None

    def allow(self, action: PeriodAction, month: Month, *, now: datetime) -> bool:
        """Return True if the month may be closed, or reopened."""
        if action == "close":
            return month < Month.of(now) and self.next in {None, month}
        return self.months[-1:] == [month]

    def change(self, action: PeriodAction, month: Month) -> None:
        """Record that the month was closed, or reopened."""
        if action == "close":
            self.months.append(month)
            self.next = month.next
        else:
            self.months.pop()
            self.next = month

    def hold(self, occurred_at: datetime) -> bool:
        """Return True if the time is before the next month to be closed, so that the operation is late."""
        return self.next is not None and Month.of(occurred_at) < self.next


def in_month(month: Month, *, day: int = 20) -> datetime:
    """Return a time in a month."""
    return month.starts_at + timedelta(days=day - 1)


def change(action: PeriodAction, month: Month, **who: Any) -> Outcome:
    """Close or reopen a month by two people, anna and bert unless others are named."""
    made = recorded(do.change_period(action, month))
    return post_one(do.approve(made.id, subject="period", **who))


def close(month: Month) -> StoredEvent:
    """Close a month; return the event."""
    outcome = change("close", month)
    assert outcome.status == "recorded", outcome
    assert outcome.event is not None
    return outcome.event


def effective_at(event: StoredEvent) -> datetime:
    """Return the effective time of an operation's rows, which must be the same on all of them."""
    operation = Operation.objects.get(pk=event.id)
    times = set(Entry.objects.filter(operation=operation).values_list("effective_at", flat=True))
    assert times <= {operation.effective_at}
    return operation.effective_at


def frozen(month: Month) -> dict[str, tuple[Any, ...]]:
    """Return debits, credits and balance of every account as they were frozen for a month."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select a.code, b.debits, b.credits, b.balance
               from ledger_period_balance b join ledger_account a on a.id = b.account_id
               where b.month = %s""",
            [str(month)],
        )
        return {row[0]: row[1:] for row in cursor.fetchall()}

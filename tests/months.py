"""Months to close, moments in them, and two people who do it."""

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
"""The month before the last: its end is no more than 90 days ago."""


@dataclass
class ClosedMonths:
    """The rules of closing, told once more: which months are closed, and which is next; None: any."""

    months: list[Month] = field(default_factory=list)
    next: Month | None = None

    def allow(self, action: PeriodAction, month: Month, *, now: datetime) -> bool:
        """Whether the month may be closed, or reopened."""
        if action == "close":
            return month < Month.of(now) and self.next in {None, month}
        return self.months[-1:] == [month]

    def change(self, action: PeriodAction, month: Month) -> None:
        """It was."""
        if action == "close":
            self.months.append(month)
            self.next = month.next
        else:
            self.months.pop()
            self.next = month

    def hold(self, occurred_at: datetime) -> bool:
        """Whether something is late: it occurred before the month that is next."""
        return self.next is not None and Month.of(occurred_at) < self.next


def in_month(month: Month, *, day: int = 20) -> datetime:
    """A moment in a month."""
    return month.starts_at + timedelta(days=day - 1)


def change(action: PeriodAction, month: Month, **who: Any) -> Outcome:
    """A month closed or reopened by two people, anna and bert if nobody else is named."""
    made = recorded(do.change_period(action, month))
    return post_one(do.approve(made.id, subject="period", **who))


def close(month: Month) -> StoredEvent:
    """The event of a month that is closed."""
    outcome = change("close", month)
    assert outcome.status == "recorded", outcome
    assert outcome.event is not None
    return outcome.event


def effective_at(event: StoredEvent) -> datetime:
    """When the rows of an operation count, the same on all of them."""
    operation = Operation.objects.get(pk=event.id)
    times = set(Entry.objects.filter(operation=operation).values_list("effective_at", flat=True))
    assert times <= {operation.effective_at}
    return operation.effective_at


def frozen(month: Month) -> dict[str, tuple[Any, ...]]:
    """Debits, credits and balance of every account as they were frozen for a month."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select a.code, b.debits, b.credits, b.balance
               from ledger_period_balance b join ledger_account a on a.id = b.account_id
               where b.month = %s""",
            [str(month)],
        )
        return {row[0]: row[1:] for row in cursor.fetchall()}

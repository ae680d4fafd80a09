"""Months to close, moments in them, and two people who do it."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from events.message import StoredEvent
from ledger.commands import Outcome
from ledger.domain.closing import PeriodAction
from ledger.domain.periods import Month
from tests import commands as do
from tests.builders import post_one, recorded

THIS: Final[Month] = Month.of(timezone.now())
LAST: Final[Month] = Month.of(THIS.starts_at - timedelta(days=1))
BEFORE: Final[Month] = Month.of(LAST.starts_at - timedelta(days=1))
"""The month before the last: its end is no more than 90 days ago."""


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

"""The sums of the months equal the journal, for any order of operations, closings and reopenings."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

import pytest
from django.db import connection
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ledger.domain.operations import RecordOperation
from ledger.domain.periods import Month
from ledger.engine.posting import post
from ledger.engine.submission import Outcome, Submission
from projections.reports.trial_balance import trial_balance
from tests import builders as make
from tests import commands as do
from tests.builders import code_of, rolled_back
from tests.depth import examples
from tests.months import ClosedMonths, frozen, in_month
from tests.projections.world import mismatches, settle

pytestmark = pytest.mark.django_db

FIRST: Final = Month(2026, 1)
MONTHS: Final = [FIRST, FIRST.next, FIRST.next.next, FIRST.next.next.next]
NOW: Final = MONTHS[-1].starts_at + timedelta(days=14)


@dataclass(frozen=True)
class Step:
    """A payment in a month, or the closing or reopening of one. `settled`: the log is settled after it."""

    what: Literal["pay", "close", "reopen"]
    month: int
    day: int = 1
    usd: int = 1
    user: int = 0
    settled: bool = False


_steps = st.builds(
    Step,
    what=st.sampled_from(["pay", "pay", "pay", "close", "close", "reopen"]),
    month=st.integers(0, len(MONTHS) - 1),
    day=st.integers(1, 28),
    usd=st.integers(1, 9),
    user=st.integers(0, 1),
    settled=st.booleans(),
)


@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_steps, min_size=1, max_size=14))
def test_months_add_up_to_the_journal(steps: list[Step]) -> None:
    """The frozen balances equal the trial balance, and with the open months they add up to the journal."""
    with rolled_back():
        users = [make.make_user().pk for _ in range(2)]
        closed = ClosedMonths()
        for step in steps:
            if step.what == "pay":
                (outcome,) = _post(_payment(users[step.user], step))
                assert code_of(outcome) == "recorded"
            else:
                _change(step, closed)
            if step.settled:
                settle()
        settle()
        assert mismatches() == []
        debits, credits_ = _journal(None)
        assert debits == credits_
        reported = Decimal(0)
        for month in closed.months:
            sums = [sum(column, Decimal(0)) for column in zip(*frozen(month).values(), strict=True)][:2]
            assert list(trial_balance(month=month).totals()["USD"]) == (sums or [0, 0])
            reported = sums[0] if sums else Decimal(0)
        until = closed.months[-1].ends_at if closed.months else None
        assert reported + _journal(until)[0] == debits


def _change(step: Step, closed: ClosedMonths) -> None:
    month, action = MONTHS[step.month], step.what
    assert action != "pay"
    (made,) = _post(do.change_period(action, month))
    assert made.event is not None
    event(f"{action}: {code_of(made)}")
    assert (made.event.type == "proposal.made") is closed.allow(action, month, now=NOW)
    if made.event.type == "proposal.made":
        (done,) = _post(do.approve(made.event.id, subject="period"))
        assert code_of(done) == "recorded"
        closed.change(action, month)


def _payment(user: int, step: Step) -> Submission:
    submission = make.top_up(user, step.usd)
    assert isinstance(submission.command, RecordOperation)
    at = in_month(MONTHS[step.month], day=min(step.day, 14))
    return replace(submission, command=replace(submission.command, occurred_at=at))


def _post(*submissions: Submission) -> list[Outcome]:
    return post(submissions, clock=lambda: NOW)


def _journal(since: datetime | None) -> tuple[Decimal, Decimal]:
    """Return the sums of debits and credits, of all entries or of those effective since then."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select coalesce(sum(amount) filter (where side = 'D'), 0),
                      coalesce(sum(amount) filter (where side = 'C'), 0)
               from models_entry where %(since)s is null or effective_at >= %(since)s""",
            {"since": since},
        )
        debits, credits_ = cursor.fetchone()
        return debits, credits_

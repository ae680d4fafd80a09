"""Closing a period while others post, and while others close."""

import random
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from django.db import connection

from events.message import StoredEvent
from ledger.domain.errors import Busy
from ledger.domain.operations import RecordOperation
from ledger.domain.periods import Month
from ledger.engine import batch, kept_store
from ledger.engine.posting import post
from ledger.engine.submission import Outcome, Submission
from ledger.models import BookPeriod
from models import User
from tests import builders as make
from tests import commands as do
from tests.builders import code_of, counts, recorded
from tests.connections import Held, Worker, another, together, until, waits_for_a_lock
from tests.months import BEFORE, LAST, close, effective_at, frozen, in_month
from tests.projections.world import mismatches

pytestmark = pytest.mark.django_db(transaction=True)


def test_closing_waits_for_a_batch_that_was_decided_before_it(user: User, held: Held) -> None:
    """The closing includes what that batch posted.

    A batch that comes meanwhile waits, and counts in the open month.
    """
    first = Worker(lambda: post([make.top_up(user, 70, at=in_month(LAST))], hook=held))
    assert held.reached.wait(10)
    closing = Worker(lambda: close(LAST))
    until(waits_for_a_lock)
    others = make.make_user()
    second = Worker(lambda: recorded(make.top_up(others, 3, at=in_month(LAST))))
    until(partial(waits_for_a_lock, 2))
    held.let_go.set()
    first.answer()
    event, late = closing.answer(), second.answer()
    assert frozen(LAST) == {
        f"user:{user.pk}:usd": (0, 70, 70),
        "clearing:payments:usd": (70, 0, 70),
    }
    assert late.position > event.position
    assert effective_at(late) == late.recorded_at
    assert mismatches() == []


def test_closing_months_while_others_post() -> None:
    """No entry lands in a closed month, nothing is refused, and nothing is lost."""
    months = [Month(2026, 1)]
    for _ in range(3):
        months.append(months[-1].next)
    users = [make.make_user() for _ in range(4)]

    def clock() -> datetime:
        return months[-1].next.starts_at + timedelta(days=1)

    def pay(user: User, seed: int) -> list[Outcome]:
        chosen, outcomes = random.Random(seed), []
        for _ in range(25):
            at = in_month(chosen.choice(months), day=chosen.randint(1, 28))
            batch = [_paid_in(user, chosen.randint(1, 9), at) for _ in range(chosen.randint(1, 3))]
            outcomes += post(batch, clock=clock)
        return outcomes

    def close_all() -> list[StoredEvent]:
        closed = []
        for month in months[:-1]:
            made = post([do.change_period("close", month)], clock=clock)[0].event
            assert made is not None
            (outcome,) = post([do.approve(made.id, subject="period")], clock=clock)
            assert outcome.event is not None
            closed.append(outcome.event)
        return closed

    closings: list[StoredEvent] = []
    closer = Worker(lambda: closings.extend(close_all()))
    paid = together(*(partial(pay, user, n) for n, user in enumerate(users)))
    closer.answer()
    events = [outcome.event for outcomes in paid for outcome in outcomes]
    assert {event.type for event in events if event is not None} == {"operation.recorded"}
    ends = {event.position: months[n].ends_at for n, event in enumerate(closings)}
    for event in events:
        assert event is not None
        closed = max((end for position, end in ends.items() if position < event.position), default=None)
        counts_at = effective_at(event)
        assert counts_at == (
            event.recorded_at if closed and event.occurred_at < closed else event.occurred_at
        )
    assert mismatches() == []
    with connection.cursor() as cursor:
        cursor.execute("select sum(amount) from models_entry where side = 'C'")
        total = cursor.fetchone()[0]
        cursor.execute("select sum(credits) from ledger_period_balance where month = %s", [str(months[-2])])
        frozen = cursor.fetchone()[0] or 0
        cursor.execute(
            "select coalesce(sum(amount), 0) from models_entry where side = 'C' and effective_at >= %s",
            [months[-2].ends_at],
        )
        assert frozen + cursor.fetchone()[0] == total


def test_closing_gives_up_if_others_keep_periods_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody else would have to wait behind it. Its key stays free."""
    monkeypatch.setattr(batch, "_EXCLUSIVE_LOCK_TIMEOUT_MS", 200)
    user, made = make.make_user(), recorded(do.change_period("close", LAST))
    approval, before = do.approve(made.id, subject="period"), counts()
    with another() as other, other.cursor() as cursor:
        cursor.execute("begin")
        kept_store.lock_periods_and_tariffs(cursor)
        with pytest.raises(Busy, match="another transaction keeps a lock"):
            post([approval])
        assert counts() == before
        recorded(make.top_up(user, 1))
        cursor.execute("rollback")
    assert code_of(post([approval])[0]) == "recorded"


def test_concurrent_approvals_close_a_month_once() -> None:
    """The second approver learns that the proposal is resolved."""
    for month in (BEFORE, LAST):
        made = recorded(do.change_period("close", month))
        answers = together(
            *(
                partial(post, [do.approve(made.id, subject="period", actor=actor)])
                for actor in ("bert", "carl")
            )
        )
        assert sorted(code_of(outcome) for (outcome,) in answers) == ["proposal_resolved", "recorded"]
        assert BookPeriod.objects.get(month=str(month)).version == 1


def test_concurrent_approvals_of_two_proposals_close_a_month_once() -> None:
    """The second approval is rejected because the month is closed."""
    made = [recorded(do.change_period("close", LAST)) for _ in range(2)]
    answers = together(*(partial(post, [do.approve(each.id, subject="period")]) for each in made))
    assert sorted(code_of(outcome) for (outcome,) in answers) == ["period_closed", "recorded"]
    assert mismatches() == []


def _paid_in(user: User, usd: int, at: datetime) -> Submission:
    """Return a payment at any time, without the bounds on `occurred_at`."""
    submission = make.top_up(user, usd)
    assert isinstance(submission.command, RecordOperation)
    return replace(submission, command=replace(submission.command, occurred_at=at))

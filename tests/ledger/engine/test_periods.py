"""Periods through the engine: closing, reopening, and operations that arrive late."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from easyautoml_ledger.envelope import CloudEvent
from easyautoml_ledger.outcomes import OperationRecorded, OperationRejected
from easyautoml_ledger.payloads import parse_payload
from ledger.domain.periods import Month
from ledger.engine.periods import Freezing
from ledger.engine.posting import post, quote
from ledger.expiry import sweep_overdue
from ledger.feeds.outcomes import OutcomeFeed
from ledger.models import BookPeriod, PeriodBalance
from models import Operation, User
from tests import builders as make
from tests import commands as do
from tests.builders import code_of, counts, post_one, recorded
from tests.connections import Worker
from tests.months import BEFORE, LAST, THIS, change, close, effective_at, frozen, in_month
from tests.projections.world import mismatches, settle, without_triggers

pytestmark = pytest.mark.django_db(transaction=True)


def test_closing_freezes_the_balances_of_a_month(user: User) -> None:
    """The event has the totals, and every account's balance at the end of the month is stored."""
    recorded(make.top_up(user, 70, at=in_month(LAST)))
    recorded(make.top_up(user, 5))
    event = close(LAST)
    assert (event.type, event.stream) == ("period.closed", f"period:{LAST}")
    assert (event.data["proposer"], event.data["resolver"]) == ("anna", "bert")
    row = BookPeriod.objects.get(month=str(LAST))
    assert (row.state, row.version, str(row.event_id)) == ("closed", 1, event.id)
    totals = {each["account"]: each for each in event.data["periods"][str(LAST)]["totals"]}
    assert (totals["user:usd"]["debits"], totals["user:usd"]["credits"]) == ("0.00000000", "70.00000000")
    assert frozen(LAST)[f"user:{user.pk}:usd"] == (0, 70, 70)
    assert mismatches() == []


def test_late_operation_counts_in_the_open_period(user: User) -> None:
    """Its time of occurrence stays; the event has its effective time, and closed months do not change."""
    recorded(make.top_up(user, 70, at=in_month(LAST)))
    close(LAST)
    before = frozen(LAST)
    for month in (LAST, BEFORE):
        event = recorded(make.top_up(user, 3, at=in_month(month)))
        assert event.occurred_at == in_month(month)
        assert event.data["effective_at"] == event.recorded_at.isoformat()
        assert effective_at(event) == event.recorded_at
    assert frozen(LAST) == before
    assert mismatches() == []


def test_operation_in_an_open_month_has_no_effective_time_of_its_own(user: User) -> None:
    """The month may be the current one or an open one of the past."""
    close(BEFORE)
    for at in (in_month(LAST), None):
        event = recorded(make.top_up(user, 3, at=at))
        assert "effective_at" not in event.data
        assert effective_at(event) == event.occurred_at


def test_reversal_of_an_operation_in_a_closed_month_counts_in_the_open_one(user: User) -> None:
    """The closed month stays as it was reported."""
    payment = recorded(make.top_up(user, 70, at=in_month(LAST)))
    close(LAST)
    back = recorded(do.reverse(payment.id))
    assert effective_at(back) == back.occurred_at >= THIS.starts_at
    assert mismatches() == []


def test_nothing_is_recorded_in_a_closed_month(user: User) -> None:
    """The time of recording is after the month, even if the worker's clock is behind."""
    recorded(make.top_up(user, 70, at=in_month(LAST)))
    close(LAST)
    other = make.make_user()
    (outcome,) = post([make.top_up(other, 1, at=in_month(LAST))], clock=lambda: in_month(LAST, day=28))
    assert outcome.event is not None
    assert outcome.event.recorded_at == THIS.starts_at
    assert effective_at(outcome.event) == THIS.starts_at


def test_month_that_is_not_over_is_not_closed() -> None:
    """Its closing cannot even be proposed."""
    assert code_of(post_one(do.change_period("close", THIS))) == "period_not_over"
    assert not BookPeriod.objects.exists()


def test_months_close_one_after_the_other() -> None:
    """The first closed month may be any. All months before it are closed with it."""
    first, second, third = Month(2026, 3), Month(2026, 4), Month(2026, 5)
    close(first)
    outcome = post_one(do.change_period("close", third))
    assert code_of(outcome) == "period_out_of_order"
    assert outcome.event is not None
    assert outcome.event.data["rejection"]["next"] == str(second)
    for month in (first, Month(2026, 2)):
        assert code_of(post_one(do.change_period("close", month))) == "period_closed"
    close(second)
    close(third)


def test_only_the_last_closed_month_reopens() -> None:
    """The months before the first closed one stay closed for ever."""
    first, second = Month(2026, 3), Month(2026, 4)
    assert code_of(post_one(do.change_period("reopen", first))) == "period_open"
    close(first)
    close(second)
    assert code_of(post_one(do.change_period("reopen", first))) == "period_out_of_order"
    assert code_of(post_one(do.change_period("reopen", Month(2026, 2)))) == "period_out_of_order"
    assert change("reopen", second).status == "recorded"
    assert change("reopen", first).status == "recorded"
    assert code_of(post_one(do.change_period("reopen", Month(2026, 2)))) == "period_out_of_order"
    states = BookPeriod.objects.order_by("month").values_list("month", "state", "version")
    assert list(states) == [(str(first), "open", 2), (str(second), "open", 2)]
    assert code_of(post_one(do.change_period("close", second))) == "period_out_of_order"
    close(first)
    assert mismatches() == []


def test_reopened_month_takes_operations_again(user: User) -> None:
    """Its frozen balances are deleted until it is closed again."""
    recorded(make.top_up(user, 70, at=in_month(LAST)))
    close(LAST)
    outcome = change("reopen", LAST)
    assert outcome.event is not None
    assert (outcome.event.type, outcome.event.data["periods"][str(LAST)]["totals"]) == ("period.reopened", [])
    assert frozen(LAST) == {}
    late = recorded(make.top_up(user, 3, at=in_month(LAST)))
    assert effective_at(late) == in_month(LAST)
    earlier = recorded(make.top_up(user, 4, at=in_month(BEFORE)))
    assert effective_at(earlier) == earlier.recorded_at
    assert mismatches() == []
    event = close(LAST)
    assert event.data["periods"][str(LAST)]["version"] == 3
    assert frozen(LAST)[f"user:{user.pk}:usd"] == (0, 73, 73)
    assert mismatches() == []


def test_one_person_cannot_close_a_month_alone() -> None:
    """The engine and a check constraint both refuse it."""
    assert code_of(change("close", LAST, actor="anna")) == "self_approval"
    close(LAST)
    with pytest.raises(IntegrityError, match="ledger_period_four_eyes"), without_triggers() as cursor:
        cursor.execute("update ledger_period set resolver = proposer")


def test_month_is_not_closed_before_its_expiries_are_recorded(user: User) -> None:
    """An expiry recorded after the end of the month counts at the time of expiry."""
    expires, given = in_month(LAST, day=25), in_month(LAST, day=3)
    newcomer, machine = make.make_user(), make.make_machine(make.make_user())
    post(
        [
            make.top_up(newcomer, 10, at=given),
            make.bill(newcomer, 5, at=given),
            do.grant(newcomer, 2, expires_at=expires, at=given),
            do.place(machine, user=newcomer, lines=1000, expires_at=expires, at=given),
            do.grant(newcomer, 3, expires_at=THIS.starts_at, at=given),
        ],
        clock=lambda: given,
    )
    outcome = change("close", LAST)
    assert outcome.event is not None
    assert outcome.event.data["rejection"] == {
        "code": "period_not_swept",
        "message": f"1 coupons and 1 holds that expired before the end of {LAST} are not swept yet",
        "period": str(LAST),
        "grants": 1,
        "holds": 1,
    }
    sweep_overdue(now=timezone.now())
    expiry = Operation.objects.filter(kind="coupon_expiry").order_by("position").first()
    assert expiry is not None
    assert expiry.occurred_at == expiry.effective_at == expires
    assert expiry.recorded_at > THIS.starts_at
    close(LAST)
    assert frozen(LAST)[f"user:{newcomer.pk}:coupon"] == (2, 5, 3)
    assert mismatches() == []


def test_closing_is_posted_alone_at_its_place_in_the_batch(user: User) -> None:
    """Operations before it are included, operations after it are late."""
    made = recorded(do.change_period("close", LAST))
    before, closing, after = post(
        [
            make.top_up(user, 1, at=in_month(LAST)),
            do.approve(made.id, subject="period"),
            make.top_up(user, 2, at=in_month(LAST)),
        ]
    )
    assert before.event is not None
    assert closing.event is not None
    assert after.event is not None
    assert closing.event.type == "period.closed"
    assert effective_at(before.event) == before.event.occurred_at
    assert effective_at(after.event) == after.event.recorded_at
    assert mismatches() == []


def test_published_outcomes_have_the_effective_time(user: User) -> None:
    """On-time operations have it too. A refused closing is published like any rejection."""
    close(LAST)
    late = recorded(make.top_up(user, 3, at=in_month(LAST)))
    in_time = recorded(make.top_up(user, 3))
    post_one(do.change_period("close", THIS))
    heard = {}
    for _, sent in OutcomeFeed().messages(after=0, upto=settle()):
        headers = {name: value.decode() for name, value in sent.headers}
        payload = parse_payload(
            CloudEvent(
                id=headers["ce_id"],
                source=headers["ce_source"],
                type=headers["ce_type"],
                data=sent.value,
            )
        )
        assert isinstance(payload, OperationRecorded | OperationRejected)
        heard[headers["ce_id"]] = payload
    assert (heard[late.id].occurred_at, heard[late.id].effective_at) == (in_month(LAST), late.recorded_at)
    assert heard[in_time.id].effective_at == heard[in_time.id].occurred_at
    (refusal,) = (each for each in heard.values() if isinstance(each, OperationRejected))
    assert (refusal.kind, refusal.rejection.code, refusal.payer) == ("period", "period_not_over", None)


def test_quote_of_an_approval_writes_nothing(user: User) -> None:
    """The quote shows the closing that would be recorded."""
    recorded(make.top_up(user, 70, at=in_month(LAST)))
    made = recorded(do.change_period("close", LAST))
    before = counts()
    quoted = quote(do.approve(made.id, subject="period"))
    assert quoted.event is not None
    assert (quoted.status, quoted.event.type) == ("recorded", "period.closed")
    assert counts() == before
    assert (BookPeriod.objects.count(), PeriodBalance.objects.count()) == (0, 0)


@pytest.mark.parametrize("settled_part", [True, False])
def test_operations_posted_while_a_month_is_summed_are_included(user: User, settled_part: bool) -> None:
    """The settled part is summed before the lock, and the rest under it."""
    recorded(make.top_up(user, 70, at=in_month(LAST)))
    if settled_part:
        settle()
    with transaction.atomic(), connection.cursor() as cursor:
        freezing = Freezing(cursor)
        freezing.sum_settled([LAST])
        Worker(lambda: recorded(make.top_up(user, 3, at=in_month(LAST)))).answer()
        (end,) = freezing.sum_rest([LAST])
    assert {(each.account, each.credits) for each in end.totals} >= {("user:usd", Decimal(73))}

"""The load of the demo, and what it expects, before anything is sent."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from easyautoml_ledger.operations import KINDS
from examples import marketplace_service, training_service
from examples.catalogue import read_catalogue
from examples.demo.books import ZERO, Books
from examples.demo.expectation import FATES
from examples.demo.plan import Plan, Shift, make_plan

CATALOGUE = read_catalogue()


def without_times(plan: Plan) -> list[Any]:
    return [
        [
            [replace(run, finished_at="") for run in shift.runs],
            [replace(order, at=None) for order in shift.orders],
            [letter.topic for letter in shift.letters],
            plan.noon,
        ]
        for shift in (plan.morning, plan.evening)
    ]


def sent(shift: Shift) -> int:
    messages = len(shift.letters)
    for run in shift.runs:
        # A hold is asked for first; where it is refused, nothing follows.
        refused = run.estimate == 2_000_000_000
        messages += (1 + (run.hold is not None) - refused) * (1 + run.unsure)
    return messages + sum(1 + order.unsure for order in shift.orders)


def test_equal_seeds_make_equal_loads() -> None:
    """A run can be repeated by its seed; the times are those of the day it runs on."""
    first, second = (make_plan(CATALOGUE, seed=7, operations=200) for _ in range(2))
    assert without_times(first) == without_times(second)
    assert first.expected.fates == second.expected.fates
    assert without_times(first) != without_times(make_plan(CATALOGUE, seed=8, operations=200))


@pytest.mark.parametrize("operations", [1, 60, 3000])
def test_every_message_has_a_fate(operations: int) -> None:
    """What the shifts hold is what is expected to be sent."""
    plan = make_plan(CATALOGUE, seed=operations, operations=operations)
    assert plan.expected.sent == sent(plan.morning) + sent(plan.evening)
    assert plan.expected.sent >= operations
    assert sum(map(plan.expected.total, FATES)) == plan.expected.sent


def test_every_kind_is_recorded_and_every_trouble_occurs() -> None:
    """The load shows what it was made for."""
    expected = make_plan(CATALOGUE, seed=3, operations=1000).expected
    assert all(expected.fates[kind, "recorded"] for kind in KINDS)
    rejections = {code for fate, code in expected.codes if fate == "rejected"}
    assert rejections == {
        "credit_limit_exceeded",
        "insufficient_funds",
        "no_price",
        "not_for_sale",
        "own_machine",
        "price_changed",
        "unknown_reference",
    }
    parked = {code for fate, code in expected.codes if fate == "parked"}
    assert {"conflict", "source_not_allowed", "not_a_cloudevent", "malformed_json", "invalid"} <= parked
    assert set(expected.waiting) == {"user:1035", "user:1036", "machine:7029"}


def test_everything_beyond_the_nine_kinds_is_shown() -> None:
    """Holds, coupons, reversals, a write-off, and all that takes two people, each at least once."""
    beyond = make_plan(CATALOGUE, seed=3, operations=60).expected.beyond
    events = {event for event, _ in beyond}
    assert {f"hold.{it}" for it in ("placed", "refused", "captured", "voided", "expired")} <= events
    assert {
        ("coupon_code.created", "coupon_code"),
        ("operation.recorded", "coupon_grant"),
        ("operation.rejected", "coupon_grant"),
        ("operation.recorded", "coupon_expiry"),
        ("operation.recorded", "adjustment"),
        ("operation.reversed", "reversal"),
        ("operation.reversed", "chargeback"),
        ("payout.requested", "payout"),
        ("payout.paid", "payout"),
        ("payout.failed", "payout"),
        ("operation.recorded", "consulting_contract"),
        ("operation.recorded", "consulting_payment"),
        ("operation.recorded", "consulting_return"),
        ("proposal.made", "adjustment"),
        ("proposal.declined", "adjustment"),
        ("tariff.published", "tariff"),
        ("period.closed", "period"),
        ("period.reopened", "period"),
    } <= beyond.keys()


def test_ids_are_used_once() -> None:
    """Repeats and conflicts are made on purpose, never by accident."""
    plan = make_plan(CATALOGUE, seed=3, operations=1000)
    shifts = (plan.morning, plan.evening)
    ids = Counter(run.id for shift in shifts for run in shift.runs)
    ids.update(order.id for shift in shifts for order in shift.orders)
    assert max(ids.values()) == 1


def test_the_services_can_tell_the_ledger_of_everything_in_it() -> None:
    """Every run and order makes an operation of its kind."""
    plan = make_plan(CATALOGUE, seed=5, operations=1000)
    for shift in (plan.morning, plan.evening):
        for run in shift.runs:
            assert training_service.operation_of(run).type == run.kind
        for order in shift.orders:
            assert marketplace_service.operation_of(order).type == order.kind


def test_the_expected_books_balance() -> None:
    """What users and the platform have adds up to what came in, in each currency."""
    expected = make_plan(CATALOGUE, seed=11, operations=2000).expected
    platform = expected.books.platform()
    paid_in = platform["clearing:payments:usd"]
    gave = paid_in + platform["platform:promotions:usd"] + platform["platform:manual:usd"]
    users = [expected.books.balances(user.id) for user in CATALOGUE.everyone]
    earned = platform["platform:revenue:usd"] + platform["platform:revenue:commission:usd"]
    assert sum((it.usd - it.due_usd + it.coupon for it in users), ZERO) + earned == gave
    tokens = sum((it.eaml - it.due_eaml for it in users), ZERO)
    issued = platform["treasury:eaml"] + platform["platform:losses:eaml"]
    assert tokens + platform["platform:revenue:eaml"] == issued
    assert all(min(it.usd, it.eaml, it.coupon, it.due_eaml) >= 0 for it in users)


def test_what_is_owed_is_settled_by_tokens_that_come_in() -> None:
    """30 EAML are owed, a bill of 0.50 USD brings 50: 20 are left."""
    books = Books()
    books.charge(1, Decimal(30))
    assert (books.balances(1).eaml, books.balances(1).due_eaml) == (ZERO, Decimal(30))
    books.top_up(1, Decimal(1))
    books.pay_a_bill(1, Decimal("0.50"))
    balances = books.balances(1)
    assert (balances.usd, balances.eaml, balances.due_eaml) == (Decimal("0.50"), Decimal(20), ZERO)


def test_coupons_pay_a_bill_before_money_does() -> None:
    """A coupon of 3.00 and 2.00 USD pay a bill of 5.00; half of it taken back brings 2.00 and 0.50."""
    books = Books()
    books.top_up(1, Decimal(2))
    books.grant(1, Decimal(3))
    books.pay_a_bill(1, Decimal(5))
    balances = books.balances(1)
    assert (balances.usd, balances.coupon, balances.eaml) == (ZERO, ZERO, Decimal(500))
    books.take_back_a_bill(1, usd=Decimal(2), coupon=Decimal("0.50"))
    balances = books.balances(1)
    assert (balances.usd, balances.coupon, balances.eaml) == (Decimal(2), Decimal("0.50"), Decimal(250))


def test_the_commission_is_rounded_half_up() -> None:
    """20 % of 0.00000003 is 0.000000006, which is 0.00000001; the seller gets the rest."""
    books = Books()
    books.sell(1, 2, Decimal("0.00000003"))
    assert books.platform() == {"platform:revenue:commission:usd": Decimal("0.00000001")}
    assert books.balances(2).usd == Decimal("0.00000002")

"""The load of the demo and its expected results."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from easyautoml_ledger.operations import KINDS
from examples import marketplace_service, training_service
from examples.catalogue import read_catalogue
from examples.demo.accounts import ZERO, Accounts
from examples.demo.expectation import STATUSES
from examples.demo.plan import Plan, Workload, make_plan

CATALOGUE = read_catalogue()


def without_times(plan: Plan) -> list[Any]:
    return [
        [
            [replace(run, finished_at="") for run in workload.runs],
            [replace(order, at=None) for order in workload.orders],
            [message.topic for message in workload.messages],
            plan.noon,
        ]
        for workload in (plan.morning, plan.evening)
    ]


def sent(workload: Workload) -> int:
    messages = len(workload.messages)
    for run in workload.runs:
        # A hold is requested first; if it is refused, nothing follows.
        refused = run.estimate == 2_000_000_000
        messages += (1 + (run.hold is not None) - refused) * (1 + run.sent_twice)
    return messages + sum(1 + order.sent_twice for order in workload.orders)


def test_equal_seeds_give_equal_loads() -> None:
    """Only the times differ."""
    first, second = (make_plan(CATALOGUE, seed=7, operations=200) for _ in range(2))
    assert without_times(first) == without_times(second)
    assert first.expected.statuses == second.expected.statuses
    assert without_times(first) != without_times(make_plan(CATALOGUE, seed=8, operations=200))


@pytest.mark.parametrize("operations", [1, 60, 3000])
def test_every_message_has_a_fate(operations: int) -> None:
    """The expected number of messages is that of the workloads."""
    plan = make_plan(CATALOGUE, seed=operations, operations=operations)
    assert plan.expected.sent == sent(plan.morning) + sent(plan.evening)
    assert plan.expected.sent >= operations
    assert sum(map(plan.expected.total, STATUSES)) == plan.expected.sent


def test_every_kind_is_recorded_and_every_error_occurs() -> None:
    """The load has all kinds, rejections, common dead letters, and messages that wait."""
    expected = make_plan(CATALOGUE, seed=3, operations=1000).expected
    assert all(expected.statuses[kind, "recorded"] for kind in KINDS)
    rejections = {code for status, code in expected.codes if status == "rejected"}
    assert rejections == {
        "credit_limit_exceeded",
        "insufficient_funds",
        "no_price",
        "not_for_sale",
        "own_machine",
        "price_changed",
        "unknown_reference",
    }
    parked = {code for status, code in expected.codes if status == "parked"}
    assert {"conflict", "source_not_allowed", "not_a_cloudevent", "malformed_json", "invalid"} <= parked
    assert set(expected.waiting) == {"user:1035", "user:1036", "machine:7029"}


def test_every_other_event_occurs() -> None:
    """Holds, coupons, reversals, a write-off and proposals occur at least once each."""
    other_events = make_plan(CATALOGUE, seed=3, operations=60).expected.other_events
    events = {event for event, _ in other_events}
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
    } <= other_events.keys()


def test_ids_are_used_once() -> None:
    """Duplicates and conflicts occur only on purpose."""
    plan = make_plan(CATALOGUE, seed=3, operations=1000)
    workloads = (plan.morning, plan.evening)
    ids = Counter(run.id for workload in workloads for run in workload.runs)
    ids.update(order.id for workload in workloads for order in workload.orders)
    assert max(ids.values()) == 1


def test_the_services_publish_every_run_and_order() -> None:
    """Each becomes an operation of its kind."""
    plan = make_plan(CATALOGUE, seed=5, operations=1000)
    for workload in (plan.morning, plan.evening):
        for run in workload.runs:
            assert training_service.operation_of(run).type == run.kind
        for order in workload.orders:
            assert marketplace_service.operation_of(order).type == order.kind


def test_the_expected_books_balance() -> None:
    """The money of users and the platform equals what was paid in, in each currency."""
    expected = make_plan(CATALOGUE, seed=11, operations=2000).expected
    platform = expected.accounts.platform()
    paid_in = platform["clearing:payments:usd"]
    received = paid_in + platform["platform:promotions:usd"] + platform["platform:manual:usd"]
    users = [expected.accounts.balances(user.id) for user in CATALOGUE.everyone]
    earned = platform["platform:revenue:usd"] + platform["platform:revenue:commission:usd"]
    assert sum((it.usd - it.due_usd + it.coupon for it in users), ZERO) + earned == received
    tokens = sum((it.eaml - it.due_eaml for it in users), ZERO)
    issued = platform["treasury:eaml"] + platform["platform:losses:eaml"]
    assert tokens + platform["platform:revenue:eaml"] == issued
    assert all(min(it.usd, it.eaml, it.coupon, it.due_eaml) >= 0 for it in users)


def test_incoming_tokens_pay_what_is_owed() -> None:
    """The user owes 30 EAML, and a bill of 0.50 USD gives 50: 20 are left."""
    accounts = Accounts()
    accounts.charge(1, Decimal(30))
    assert (accounts.balances(1).eaml, accounts.balances(1).due_eaml) == (ZERO, Decimal(30))
    accounts.top_up(1, Decimal(1))
    accounts.pay_a_bill(1, Decimal("0.50"))
    balances = accounts.balances(1)
    assert (balances.usd, balances.eaml, balances.due_eaml) == (Decimal("0.50"), Decimal(20), ZERO)


def test_coupons_pay_a_bill_before_money_does() -> None:
    """A coupon of 3.00 and 2.00 USD pay a bill of 5.00; half of it reversed returns 2.00 and 0.50."""
    accounts = Accounts()
    accounts.top_up(1, Decimal(2))
    accounts.grant(1, Decimal(3))
    accounts.pay_a_bill(1, Decimal(5))
    balances = accounts.balances(1)
    assert (balances.usd, balances.coupon, balances.eaml) == (ZERO, ZERO, Decimal(500))
    accounts.take_back_a_bill(1, usd=Decimal(2), coupon=Decimal("0.50"))
    balances = accounts.balances(1)
    assert (balances.usd, balances.coupon, balances.eaml) == (Decimal(2), Decimal("0.50"), Decimal(250))


def test_the_commission_is_rounded_half_up() -> None:
    """20 % of 0.00000003 is 0.000000006, which is 0.00000001; the seller gets the rest."""
    accounts = Accounts()
    accounts.sell(1, 2, Decimal("0.00000003"))
    assert accounts.platform() == {"platform:revenue:commission:usd": Decimal("0.00000001")}
    assert accounts.balances(2).usd == Decimal("0.00000002")

"""Reversals through the engine: concurrent ones never exceed the amount charged, and deleted users."""

from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import connection

from ledger.engine.kept_store import read_reversed
from ledger.engine.posting import post, quote
from models import Machine, Operation, User
from tests import builders as make
from tests import commands as do
from tests.builders import amount, balances, code_of, counts, make_user, on_user, recorded, transfers
from tests.connections import together

pytestmark = pytest.mark.django_db(transaction=True)


def left(operation: str) -> Decimal:
    """Return the amount that can still be reversed."""
    with connection.cursor() as cursor:
        (found,) = read_reversed(cursor, [operation])
    return found.left


def copied(machine: Machine, user: User) -> str:
    """Buy a copy for 5, of which the owner gets 4; return the id of the operation."""
    return recorded(make.machine_copy(machine, user=user)).id


def test_concurrent_full_reversals_reverse_once(user: User, machine: Machine) -> None:
    """One of several concurrent reversals of everything is recorded; nothing is left for the others."""
    for _ in range(10):
        operation = copied(machine, user)
        answers = together(*(partial(post, [do.reverse(operation)]) for _ in range(3)))
        assert sorted(code_of(outcome) for (outcome,) in answers) == [
            "nothing_left_to_reverse",
            "nothing_left_to_reverse",
            "recorded",
        ]
        assert left(operation) == 0
    assert on_user(user)[0] == 100


def test_concurrent_partial_reversals_never_exceed_the_amount_charged(user: User, machine: Machine) -> None:
    """Of eight reversals of 1 out of 5, five are recorded."""
    operation = copied(machine, user)
    answers = together(*(partial(post, [do.reverse(operation, 1)]) for _ in range(8)))
    codes = [code_of(outcome) for (outcome,) in answers]
    assert (codes.count("recorded"), codes.count("nothing_left_to_reverse")) == (5, 3)
    assert left(operation) == 0
    assert on_user(user)[0] == 100
    assert on_user(machine.machine_owner_user)[0] == 0


def test_batch_reverses_an_operation_until_nothing_is_left(user: User, machine: Machine) -> None:
    """The decisions of a batch see each other, although nothing is in the database yet."""
    operation = copied(machine, user)
    outcomes = post([do.reverse(operation, 2), do.reverse(operation, 4), do.reverse(operation)])
    assert [code_of(outcome) for outcome in outcomes] == ["recorded", "nothing_left_to_reverse", "recorded"]
    assert left(operation) == 0


def test_refund_while_the_seller_spends_the_money(user: User) -> None:
    """Depending on which is first, the refund takes the seller's money or the seller owes it."""
    for _ in range(10):
        seller = make_user()
        operation = copied(make.make_machine(seller, copy="5"), user)
        (refund,), (spent,) = together(
            partial(post, [do.reverse(operation)]), partial(post, [do.adjust(seller, "usd", "-4")])
        )
        assert code_of(refund) == "recorded"
        assert code_of(spent) in {"recorded", "insufficient_funds"}
        owed = {f"user:{seller.pk}:due:usd": amount(4)}
        assert balances(seller) == (owed if code_of(spent) == "recorded" else {})
    assert on_user(user)[0] == 100


def test_reversal_is_an_operation_with_entries(user: User, machine: Machine) -> None:
    """It belongs to the payer, and its event names the reversed operation."""
    operation = copied(machine, user)
    event = recorded(do.reverse(operation, "2.5"))
    assert (event.type, event.stream) == ("operation.reversed", f"operation:{event.id}")
    row = Operation.objects.get(pk=event.id)
    assert (row.kind, row.operation_user) == ("reversal", user)
    assert row.entries.count() == 4
    assert left(operation) == amount("2.5")


def test_quote_of_a_reversal_writes_nothing(user: User, machine: Machine) -> None:
    """The quote shows the transfers that the reversal would make."""
    operation = copied(machine, user)
    before = counts()
    quoted = quote(do.reverse(operation)).event
    assert quoted is not None
    assert transfers(quoted.data) == [
        (f"user:{machine.machine_owner_user.pk}:usd", f"user:{user.pk}:usd", "4"),
        ("platform:revenue:commission:usd", f"user:{user.pk}:usd", "1"),
    ]
    assert counts() == before


def test_every_kind_of_operation_can_be_reversed(user: User) -> None:
    """The triggers of the database allow the pairs of every reversal, of a part and of the rest."""
    owner = make.fund(make_user(), usd=50, eaml=50)
    machine = make.make_machine(owner, api="0.01", data_source="3", copy="5", copy_update="0.5")
    recorded(do.grant(user, 4))
    debtor = make_user()
    post([do.adjust(debtor, "due:usd", 5), do.adjust(debtor, "due:eaml", 5)])
    operations: list[Any] = [
        make.training(machine, user=user, lines=100_000),
        make.solving(machine, user=user, lines=2_000_000),
        make.solving_with_api(machine, user=user, lines=1000),
        make.api_market(machine, user=user, lines=100),
        make.data_source(machine, user=user),
        make.machine_copy(machine, user=user),
        make.copy_update(machine, user=user),
        make.top_up(user, 10),
        make.bill(user, 6),
        do.grant(user, 3),
        *(
            do.adjust(user, account, change)
            for account in ("usd", "eaml", "coupon")
            for change in ("3", "-2")
        ),
        *(
            do.adjust(debtor, account, change)
            for account in ("due:usd", "due:eaml")
            for change in ("3", "-2")
        ),
    ]
    for operation in operations:
        event = recorded(operation)
        for part in ("0.00000001", None):
            outcome = make.post_one(do.reverse(event.id, part))
            assert code_of(outcome) == "recorded", (operation.sent, outcome)
        assert left(event.id) == 0


def test_operation_of_a_deleted_payer_is_not_reversed(machine: Machine) -> None:
    """The payer's accounts are closed, so the seller keeps the money."""
    buyer = make.fund(make_user(), usd=5)
    operation = copied(machine, buyer)
    buyer.delete()
    before = counts()
    assert code_of(quote(do.reverse(operation))) == "not_reversible"
    assert counts() == before
    assert on_user(machine.machine_owner_user)[0] == 4


def test_sale_of_a_deleted_seller_is_refunded_by_the_platform(user: User) -> None:
    """No entries are made on closed accounts."""
    seller = make_user()
    machine = make.make_machine(seller, copy="5")
    operation = copied(machine, user)
    recorded(do.adjust(seller, "usd", "-4"))
    number = seller.pk
    machine.delete()
    seller.delete()
    event = recorded(do.reverse(operation))
    assert transfers(event.data) == [
        ("platform:losses:usd", f"user:{user.pk}:usd", "4"),
        ("platform:revenue:commission:usd", f"user:{user.pk}:usd", "1"),
    ]
    assert on_user(user)[0] == 100
    assert balances(number) == {}

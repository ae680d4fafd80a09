"""The nine kinds: who pays whom, how much, and from which prices."""

from collections.abc import Callable
from typing import Any

import pytest

from easyautoml_ledger import KINDS as WIRE
from ledger.engine.submission import Submission
from tests import builders as make
from tests.builders import PureDomain, machine_terms, short, tariff, transfers

OWNER, BUYER, MACHINE = 1, 2, 7
TERMS = machine_terms(
    MACHINE,
    owner=OWNER,
    columns=2,
    api="0.01",
    data_source="3",
    copy="5",
    copy_update="0.5",
)
EVERYBODY_HAS = {
    OWNER: {"usd": "100", "eaml": "100"},
    BUYER: {"usd": "100", "eaml": "100"},
}

KINDS: list[tuple[Callable[[], Submission], list[tuple[str, str, str]], int]] = [
    (
        lambda: make.training(MACHINE, user=BUYER, lines=1000),
        [("user:1:eaml", "platform:revenue:eaml", "0.02")],
        OWNER,
    ),
    (
        lambda: make.training(MACHINE, user=OWNER, lines=1000, count_of_training_epoch=50),
        [("user:1:eaml", "platform:revenue:eaml", "0.02")],
        OWNER,
    ),
    (
        lambda: make.solving(MACHINE, user=BUYER, lines=1000),
        [("user:2:eaml", "platform:revenue:eaml", "0.1")],
        BUYER,
    ),
    (
        lambda: make.solving_with_api(MACHINE, user=BUYER, lines=1000),
        [("user:2:eaml", "platform:revenue:eaml", "0.12")],
        BUYER,
    ),
    (
        lambda: make.api_market(MACHINE, user=BUYER, lines=100),
        [("user:2:usd", "user:1:usd", "0.8"), ("user:2:usd", "platform:revenue:commission:usd", "0.2")],
        BUYER,
    ),
    (
        lambda: make.data_source(MACHINE, user=BUYER),
        [("user:2:usd", "user:1:usd", "2.4"), ("user:2:usd", "platform:revenue:commission:usd", "0.6")],
        BUYER,
    ),
    (
        lambda: make.machine_copy(MACHINE, user=BUYER),
        [("user:2:usd", "user:1:usd", "4"), ("user:2:usd", "platform:revenue:commission:usd", "1")],
        BUYER,
    ),
    (
        lambda: make.copy_update(MACHINE, user=BUYER),
        [("user:2:usd", "user:1:usd", "0.4"), ("user:2:usd", "platform:revenue:commission:usd", "0.1")],
        BUYER,
    ),
    (
        lambda: make.top_up(BUYER, "12.5"),
        [("clearing:payments:usd", "user:2:usd", "12.5")],
        BUYER,
    ),
    (
        lambda: make.bill(BUYER, "10"),
        [("user:2:usd", "platform:revenue:usd", "10"), ("treasury:eaml", "user:2:eaml", "1000")],
        BUYER,
    ),
]


def domain(**changes: Any) -> PureDomain:
    return PureDomain(users=[OWNER, BUYER], **{"machines": [TERMS], "start": EVERYBODY_HAS, **changes})


@pytest.mark.parametrize(("submission", "moves", "payer"), KINDS)
def test_each_kind_makes_the_transfers_of_the_table(
    submission: Callable[[], Submission], moves: list[tuple[str, str, str]], payer: int
) -> None:
    """Debited and credited accounts and amounts agree."""
    data = domain().decide(submission())
    assert transfers(data) == moves
    assert data["payer"] == payer


def test_every_kind_on_the_wire_is_in_the_table() -> None:
    """No kind is untested."""
    assert {submission().sent["type"] for submission, _, _ in KINDS} == set(WIRE)


def test_event_has_the_prices_that_were_used() -> None:
    """A replay never looks up a price."""
    data = domain().decide(make.training(MACHINE, user=BUYER, lines=1000))
    assert data["pricing"] == {"tariff": 1, "unit_price": "0.00001000", "quantity": 2000, "columns": 2}
    assert data["machine_owner"] == OWNER
    data = domain().decide(make.api_market(MACHINE, user=BUYER, lines=100))
    assert data["pricing"] == {
        "tariff": 1,
        "unit_price": "0.01000000",
        "quantity": 100,
        "commission_rate": "0.20000000",
    }
    data = domain().decide(make.bill(BUYER, "10"))
    assert data["pricing"] == {"tariff": 1, "eaml_per_usd": "100.00000000"}


def test_event_has_every_balance_of_its_users_afterwards() -> None:
    """Accounts that never moved are left out; those that did not move this time are included."""
    data = domain().decide(make.machine_copy(MACHINE, user=BUYER))
    assert {code: short(state["balance"]) for code, state in data["accounts"].items()} == {
        "user:1:usd": "104",
        "user:1:eaml": "100",
        "user:2:usd": "95",
        "user:2:eaml": "100",
    }
    # The buyer's account was touched twice, the seller's once, each from version 1.
    assert data["accounts"]["user:2:usd"]["version"] == 3
    assert data["accounts"]["user:1:usd"]["version"] == 2


@pytest.mark.parametrize(("epochs", "charged"), [(None, "0.02"), (1, "0.02"), (50, "1"), (0, None)])
def test_epochs_multiply_cells_if_the_tariff_counts_them(epochs: int | None, charged: str | None) -> None:
    """Leaving them out counts as one epoch; zero epochs cost nothing."""
    counted = domain(tariffs=[tariff(training_counts_epochs=True)])
    more = {} if epochs is None else {"count_of_training_epoch": epochs}
    data = counted.decide(make.training(MACHINE, user=OWNER, lines=1000, **more))
    assert [move[2] for move in transfers(data)] == ([] if charged is None else [charged])


@pytest.mark.parametrize(
    "submission",
    [
        lambda: make.training(MACHINE, user=OWNER, lines=0),
        lambda: make.solving(MACHINE, user=BUYER, lines=0),
        lambda: make.api_market(MACHINE, user=BUYER, lines=0),
        lambda: make.machine_copy(MACHINE, user=BUYER),
        lambda: make.training(8, user=OWNER, lines=1000),
    ],
)
def test_operation_that_costs_nothing_has_no_transfers(submission: Callable[[], Submission]) -> None:
    """There are no lines, a price of zero, or no columns."""
    free = domain(
        machines=[
            machine_terms(MACHINE, owner=OWNER, api="0.01", copy="0"),
            machine_terms(8, owner=OWNER, columns=0),
        ],
        start={},
    )
    data = free.decide(submission())
    assert data["transfers"] == []
    assert free.balances() == {}


@pytest.mark.parametrize(
    ("price", "moves"),
    [
        ("0.00000002", [("user:2:usd", "user:1:usd", "0.00000002")]),
        (
            "0.00000003",
            [
                ("user:2:usd", "user:1:usd", "0.00000002"),
                ("user:2:usd", "platform:revenue:commission:usd", "0.00000001"),
            ],
        ),
    ],
)
def test_commission_of_nothing_is_left_out(price: str, moves: list[tuple[str, str, str]]) -> None:
    """The seller gets the gross less the commission, whatever the rounding."""
    cheap = domain(machines=[machine_terms(MACHINE, owner=OWNER, copy=price)])
    assert transfers(cheap.decide(make.machine_copy(MACHINE, user=BUYER))) == moves


def test_commission_of_everything_leaves_the_seller_out() -> None:
    """A commission of 100 % is one transfer, to the platform."""
    greedy = domain(tariffs=[tariff(commission_rate="1")])
    assert transfers(greedy.decide(make.machine_copy(MACHINE, user=BUYER))) == [
        ("user:2:usd", "platform:revenue:commission:usd", "5"),
    ]


def test_unit_price_that_is_in_force_changes_nothing() -> None:
    """A command may carry the price that it expects."""
    data = domain().decide(make.solving(MACHINE, user=BUYER, lines=1000, unit_price="0.0001"))
    assert transfers(data) == [("user:2:eaml", "platform:revenue:eaml", "0.1")]
    data = domain().decide(make.machine_copy(MACHINE, user=BUYER, unit_price="5.00"))
    assert len(data["transfers"]) == 2

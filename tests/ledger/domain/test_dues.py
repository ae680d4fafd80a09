"""Compute that a user cannot pay becomes due, up to a limit, and arriving money pays it down first."""

from typing import Any

import pytest

from ledger.domain.errors import CreditLimitExceeded, InsufficientFunds
from tests import builders as make
from tests.builders import PureDomain, amount, machine_terms, tariff, transfers

OWNER, USER, MACHINE = 1, 2, 7
TERMS = machine_terms(MACHINE, owner=OWNER, columns=1, api="1", copy="10")


def domain(user: dict[str, str], owner: dict[str, str] | None = None, **terms: Any) -> PureDomain:
    # One line costs one token, so that lines are amounts.
    priced = tariff(solving_line_eaml="1", credit_limit_eaml="10", eaml_per_usd="1", **terms)
    return PureDomain(
        users=[OWNER, USER], machines=[TERMS], tariffs=[priced], start={USER: user, OWNER: owner or {}}
    )


@pytest.mark.parametrize(
    ("start", "lines", "moves"),
    [
        ({"eaml": "5"}, 5, [("user:2:eaml", "platform:revenue:eaml", "5")]),
        (
            {"eaml": "5"},
            6,
            [
                ("user:2:eaml", "platform:revenue:eaml", "5"),
                ("user:2:due:eaml", "platform:revenue:eaml", "1"),
            ],
        ),
        ({}, 10, [("user:2:due:eaml", "platform:revenue:eaml", "10")]),
        (
            {"eaml": "5", "due:eaml": "3"},
            12,
            [
                ("user:2:eaml", "platform:revenue:eaml", "5"),
                ("user:2:due:eaml", "platform:revenue:eaml", "7"),
            ],
        ),
    ],
)
def test_what_is_missing_becomes_due(
    start: dict[str, str], lines: int, moves: list[tuple[str, str, str]]
) -> None:
    """Available tokens are taken first, the rest becomes due. The platform's revenue is the same."""
    assert transfers(domain(start).decide(make.solving(MACHINE, user=USER, lines=lines))) == moves


@pytest.mark.parametrize(
    ("start", "at_the_limit"),
    [({}, 10), ({"eaml": "5"}, 15), ({"due:eaml": "4"}, 6), ({"eaml": "1", "due:eaml": "9.5"}, 1)],
)
def test_credit_limit_may_be_reached_and_not_passed(start: dict[str, str], at_the_limit: int) -> None:
    """Exactly at the limit the operation is recorded; one line more is rejected as a whole."""
    decided = domain(start)
    decided.decide(make.solving(MACHINE, user=USER, lines=at_the_limit))
    assert decided.balances().get("user:2:due:eaml", 0) <= amount(10)
    refused = domain(start)
    before = refused.balances()
    with pytest.raises(CreditLimitExceeded):
        refused.decide(make.solving(MACHINE, user=USER, lines=at_the_limit + 10))
    assert refused.balances() == before


def test_one_smallest_unit_above_the_limit_is_rejected() -> None:
    """The limit is exact to the last decimal."""
    start = {"eaml": "0.99999999"}
    with pytest.raises(CreditLimitExceeded):
        domain(start).decide(make.solving(MACHINE, user=USER, lines=11))
    exact = domain({"eaml": "1"})
    exact.decide(make.solving(MACHINE, user=USER, lines=11))
    assert exact.balances() == {"user:2:due:eaml": amount(10)}


def test_debt_above_a_lowered_limit_does_not_stop_what_is_paid_in_full() -> None:
    """A user above the limit can still spend available tokens."""
    decided = domain({"eaml": "3", "due:eaml": "50"})
    assert transfers(decided.decide(make.solving(MACHINE, user=USER, lines=3))) == [
        ("user:2:eaml", "platform:revenue:eaml", "3")
    ]


def test_payer_with_too_little_is_rejected_if_the_tariff_says_so() -> None:
    """`when_short` decides kind by kind, and a kind that it does not name is rejected."""
    for rule in ({"solving": "reject"}, {}):
        strict = domain({"eaml": "5"}, when_short=rule)
        with pytest.raises(InsufficientFunds) as refused:
            strict.decide(make.solving(MACHINE, user=USER, lines=6))
        assert refused.value.details["available"] == "5.00000000"
        assert strict.balances() == {"user:2:eaml": amount(5)}


def test_training_becomes_due_from_the_owner_not_the_user() -> None:
    """The user who trained owes nothing, because the machine belongs to its owner."""
    decided = domain({"eaml": "1000"}, training_cell_eaml="1")
    decided.decide(make.training(MACHINE, user=USER, lines=4))
    assert decided.balances() == {"user:2:eaml": amount(1000), "user:1:due:eaml": amount(4)}


@pytest.mark.parametrize(
    ("due", "paid", "settled", "balance"),
    [
        ("3", "5", "3", "2"),
        ("5", "5", "5", None),
        ("8", "5", "5", None),
        ("0.00000001", "5", "0.00000001", "4.99999999"),
    ],
)
def test_bought_tokens_pay_what_is_due_first(due: str, paid: str, settled: str, balance: str | None) -> None:
    """A further pair follows the arrival of the tokens."""
    decided = domain({"usd": "100", "due:eaml": due})
    assert transfers(decided.decide(make.bill(USER, paid))) == [
        ("user:2:usd", "platform:revenue:usd", paid),
        ("treasury:eaml", "user:2:eaml", paid),
        ("user:2:eaml", "user:2:due:eaml", settled),
    ]
    assert decided.balances().get("user:2:eaml") == (None if balance is None else amount(balance))


def test_money_paid_in_pays_down_debts_in_its_currency_only() -> None:
    """USD pays down USD; tokens stay owed."""
    decided = domain({"due:usd": "3", "due:eaml": "2"})
    assert transfers(decided.decide(make.top_up(USER, "5"))) == [
        ("clearing:payments:usd", "user:2:usd", "5"),
        ("user:2:usd", "user:2:due:usd", "3"),
    ]
    assert decided.balances() == {"user:2:usd": amount(2), "user:2:due:eaml": amount(2)}


def test_sale_pays_down_the_sellers_debt() -> None:
    """The seller's net pays, not the gross."""
    decided = domain({"usd": "10"}, {"due:usd": "9"})
    assert transfers(decided.decide(make.machine_copy(MACHINE, user=USER))) == [
        ("user:2:usd", "user:1:usd", "8"),
        ("user:2:usd", "platform:revenue:commission:usd", "2"),
        ("user:1:usd", "user:1:due:usd", "8"),
    ]
    assert decided.balances() == {"user:1:due:usd": amount(1)}


def test_upward_adjustment_pays_down_a_debt() -> None:
    """Money from the platform is arriving money."""
    decided = domain({"due:eaml": "2"})
    assert transfers(decided.decide(make.adjustment(USER, "eaml", 5))) == [
        ("platform:manual:eaml", "user:2:eaml", "5"),
        ("user:2:eaml", "user:2:due:eaml", "2"),
    ]


def test_buyer_with_a_debt_may_still_spend_the_balance() -> None:
    """A debt is not a hold: it is paid down by arriving money, not by the balance."""
    decided = domain({"usd": "10", "due:usd": "4"})
    decided.decide(make.machine_copy(MACHINE, user=USER))
    assert decided.balances() == {"user:2:due:usd": amount(4), "user:1:usd": amount(8)}

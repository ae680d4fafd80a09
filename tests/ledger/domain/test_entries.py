"""Entries are a pure function of the event."""

from typing import Any

import pytest

from ledger.domain.entries import EntryLine, entries, increases
from tests import builders as make
from tests.builders import PureDomain, machine_terms, short


def pair(debit: str, credit: str, amount: str, currency: str = "USD") -> dict[str, str]:
    return {"debit": debit, "credit": credit, "currency": currency, "amount": amount}


def after(balance: str, version: int) -> dict[str, Any]:
    return {"balance": balance, "held": "0.00000000", "version": version}


def test_transfer_is_a_debit_and_a_credit_in_this_order() -> None:
    """A transfer has two entries; those of platform accounts have no balance."""
    lines = entries(
        [pair("clearing:payments:usd", "user:2:usd", "12.50000000")],
        {"user:2:usd": after("20.00000000", 3)},
    )
    assert lines == [
        EntryLine(1, "D", "clearing:payments:usd", "USD", "12.50000000", None, None),
        EntryLine(1, "C", "user:2:usd", "USD", "12.50000000", "20.00000000", 3),
    ]


def test_account_touched_three_times_is_walked_back_from_its_last_state() -> None:
    """Each entry has the balance and version right after it."""
    lines = entries(
        [
            pair("clearing:payments:usd", "user:2:usd", "10.00000000"),
            pair("user:2:usd", "user:2:due:usd", "4.00000000"),
            pair("user:2:usd", "platform:revenue:usd", "1.00000000"),
        ],
        {"user:2:usd": after("5.00000000", 9), "user:2:due:usd": after("0.00000000", 2)},
    )
    own = [(line.side, line.balance_after, line.version) for line in lines if line.account == "user:2:usd"]
    assert own == [("C", "10.00000000", 7), ("D", "6.00000000", 8), ("D", "5.00000000", 9)]


def test_credit_lowers_what_is_due() -> None:
    """A due is the platform's claim: a debit raises it."""
    (raised, _) = entries(
        [pair("user:2:due:eaml", "platform:revenue:eaml", "4.00000000", "EAML")],
        {"user:2:due:eaml": after("7.00000000", 2)},
    )
    assert (raised.balance_after, raised.version) == ("7.00000000", 2)
    lines = entries(
        [
            pair("user:2:due:eaml", "platform:revenue:eaml", "4.00000000", "EAML"),
            pair("user:2:eaml", "user:2:due:eaml", "1.00000000", "EAML"),
        ],
        {"user:2:due:eaml": after("6.00000000", 3), "user:2:eaml": after("0.00000000", 2)},
    )
    due = [(line.balance_after, line.version) for line in lines if line.account == "user:2:due:eaml"]
    assert due == [("7.00000000", 2), ("6.00000000", 3)]


def test_both_sides_of_one_account_in_one_transfer_walk_back_credit_first() -> None:
    """The debit comes before the credit, as `LockedState.apply` posts them."""
    lines = entries([pair("user:2:usd", "user:2:usd", "1.00000000")], {"user:2:usd": after("5.00000000", 4)})
    assert [(line.side, line.balance_after, line.version) for line in lines] == [
        ("D", "4.00000000", 3),
        ("C", "5.00000000", 4),
    ]


def test_operation_without_transfers_has_no_entries() -> None:
    """It cost nothing."""
    assert entries([], {"user:2:usd": after("5.00000000", 4)}) == []


@pytest.mark.parametrize(
    ("account", "debit_raises"),
    [("usd", False), ("eaml", False), ("coupon", False), ("due:usd", True), ("due:eaml", True)],
)
def test_side_that_raises_an_account_is_its_normal_side(account: str, debit_raises: bool) -> None:
    """The side carries the sign."""
    assert increases(f"user:42:{account}", "D") is debit_raises
    assert increases(f"user:42:{account}", "C") is not debit_raises


def test_entries_of_a_decided_sale_agree_with_the_locked_state() -> None:
    """The event alone gives the balances of the locked state, entry by entry."""
    domain = PureDomain(
        users=[1, 2],
        machines=[machine_terms(owner=1, copy="10")],
        start={1: {"usd": "1", "due:usd": "3"}, 2: {"usd": "50"}},
    )
    data = domain.decide(make.machine_copy(7, user=2))
    lines = entries(data["transfers"], data["accounts"])
    assert [
        (
            line.transfer,
            line.side,
            line.account,
            short(line.amount),
            line.balance_after and short(line.balance_after),
        )
        for line in lines
    ] == [
        (1, "D", "user:2:usd", "8", "42"),
        (1, "C", "user:1:usd", "8", "9"),
        (2, "D", "user:2:usd", "2", "40"),
        (2, "C", "platform:revenue:commission:usd", "2", None),
        (3, "D", "user:1:usd", "3", "6"),
        (3, "C", "user:1:due:usd", "3", "0"),
    ]
    assert [line.version for line in lines] == [2, 2, 3, None, 3, 2]

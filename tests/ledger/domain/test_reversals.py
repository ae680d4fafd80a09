"""Reversals take back all or part of an operation, leg by leg, and never more than is left of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ledger.domain.codec import decode_reversed, encode_reversed
from ledger.domain.errors import (
    InsufficientFunds,
    NothingLeftToReverse,
    NotReversible,
    UnknownOperation,
)
from ledger.domain.money import ZERO
from ledger.domain.opening import OpenBalances
from ledger.domain.proposals import AdjustedAccount
from ledger.domain.reversals import Reversed, split
from tests import builders as make
from tests import commands as do
from tests.builders import amount, machine_terms, tariff, transfers
from tests.commands import ClockedDomain, event, nothing_changes

OWNER, USER, MACHINE = 1, 2, 7
USD, EAML, COUPON = "user:2:usd", "user:2:eaml", "user:2:coupon"
DUE_USD, DUE_EAML = "user:2:due:usd", "user:2:due:eaml"
REVENUE, REVENUE_USD = "platform:revenue:eaml", "platform:revenue:usd"
COMMISSION, PROMOTIONS = "platform:revenue:commission:usd", "platform:promotions:usd"
TREASURY, CLEARING = "treasury:eaml", "clearing:payments:usd"
SELLER, SELLER_DUE = "user:1:usd", "user:1:due:usd"


def domain(
    user: Mapping[str, str] | None = None,
    owner: Mapping[str, str] | None = None,
    *,
    copy: str = "5",
    **terms: Any,
) -> ClockedDomain:
    # One line costs one token, so that lines are amounts.
    prices = {"solving_line_eaml": "1", "eaml_per_usd": "1", "credit_limit_eaml": "1000"}
    return ClockedDomain(
        users=[OWNER, USER],
        machines=[machine_terms(MACHINE, owner=OWNER, copy=copy)],
        tariffs=[tariff(**{**prices, **terms})],
        start={USER: {"usd": "100"} if user is None else user, OWNER: owner or {}},
    )


def back(
    made: ClockedDomain, operation: str, part: str | None = None, **more: Any
) -> list[tuple[str, str, str]]:
    """Reverse an operation; return the transfers."""
    return transfers(made.decide(do.reverse(operation, part, **more)))


def without_zeros(made: ClockedDomain) -> dict[str, str]:
    return {code: make.short(balance) for code, balance in made.balances().items()}


# Compute.


def solved(lines: int, **start: str) -> tuple[ClockedDomain, str]:
    made = domain(start)
    made.decide(make.solving(MACHINE, user=USER, lines=lines))
    return made, made.last


def test_whole_operation_comes_back() -> None:
    """The event names the operation and the amount, and says that nothing is left."""
    made, operation = solved(4, eaml="10")
    data = made.decide(do.reverse(operation))
    assert transfers(data) == [(REVENUE, EAML, "4")]
    assert without_zeros(made) == {EAML: "10"}
    assert (data["kind"], data["reverses"], data["reversed_kind"]) == ("reversal", operation, "solving")
    assert (data["amount"], data["final"], data["payer"]) == ("4.00000000", True, USER)


def test_operation_comes_back_in_parts() -> None:
    """It can be reversed until nothing is left."""
    made, operation = solved(4, eaml="10")
    first = made.decide(do.reverse(operation, "1.5"))
    assert (first["final"], transfers(first)) == (False, [(REVENUE, EAML, "1.5")])
    assert made.locked.reversed[operation].left == amount("2.5")
    rest = made.decide(do.reverse(operation))
    assert (rest["final"], transfers(rest)) == (True, [(REVENUE, EAML, "2.5")])
    with nothing_changes(made), pytest.raises(NothingLeftToReverse) as refused:
        made.decide(do.reverse(operation))
    assert refused.value.details == {"operation": operation, "left": "0.00000000"}


def test_more_than_is_left_is_rejected() -> None:
    """One unit too much is rejected as a whole: no part is taken back."""
    made, operation = solved(4, eaml="10")
    made.decide(do.reverse(operation, "1"))
    with nothing_changes(made), pytest.raises(NothingLeftToReverse) as refused:
        made.decide(do.reverse(operation, "3.00000001"))
    assert refused.value.details["left"] == "3.00000000"
    made.decide(do.reverse(operation, "3"))


def test_what_was_due_is_forgiven_first() -> None:
    """In the recorded order tokens paid first and the rest became due; a reversal goes back."""
    made, operation = solved(10, eaml="6")
    assert back(made, operation, "3") == [(REVENUE, DUE_EAML, "3")]
    assert back(made, operation, "3") == [(REVENUE, DUE_EAML, "1"), (REVENUE, EAML, "2")]
    assert back(made, operation) == [(REVENUE, EAML, "4")]
    assert without_zeros(made) == {EAML: "6"}


def test_debt_that_was_paid_down_comes_back_as_tokens() -> None:
    """A debt that no longer exists cannot be forgiven."""
    made, operation = solved(10, eaml="6", usd="3")
    made.decide(make.bill(USER, "3"))
    assert back(made, operation) == [
        (REVENUE, DUE_EAML, "1"),
        (REVENUE, EAML, "9"),
    ]
    assert without_zeros(made) == {EAML: "9"}


def test_returned_tokens_pay_down_other_debts() -> None:
    """Arriving money pays debts first."""
    made, operation = solved(10, eaml="10")
    made.decide(make.solving(MACHINE, user=USER, lines=4))
    assert back(made, operation, "3") == [(REVENUE, EAML, "3"), (EAML, DUE_EAML, "3")]
    assert back(made, operation) == [(REVENUE, EAML, "7"), (EAML, DUE_EAML, "1")]
    assert without_zeros(made) == {EAML: "6"}


def test_captured_work_is_reversed_like_any_other() -> None:
    """Both the part from the hold and the due part above it come back."""
    made = domain({"eaml": "6"})
    hold = "aaaaaaaa-0000-4000-8000-000000000001"
    made.decide(do.place(MACHINE, user=USER, lines=5, hold=hold))
    made.decide(do.capture(hold, lines=8))
    assert back(made, made.last) == [(REVENUE, DUE_EAML, "2"), (REVENUE, EAML, "6")]
    assert without_zeros(made) == {EAML: "6"}


def test_training_comes_back_to_the_owner() -> None:
    """The payer gets it back, not the user who trained."""
    made = domain(owner={"eaml": "10"}, training_cell_eaml="1")
    made.decide(make.training(MACHINE, user=USER, lines=2))
    assert back(made, made.last) == [(REVENUE, "user:1:eaml", "4")]


# Sales.


def sold(copy: str = "5", *, user: Mapping[str, str] | None = None, **more: Any) -> tuple[ClockedDomain, str]:
    made = domain(user, copy=copy, **more)
    made.decide(make.machine_copy(MACHINE, user=USER))
    return made, made.last


def test_sale_comes_back_from_the_seller_and_the_commission() -> None:
    """Each gives back in proportion to what it got."""
    made, operation = sold()
    assert back(made, operation, "2.5") == [(SELLER, USD, "2"), (COMMISSION, USD, "0.5")]
    assert back(made, operation) == [(SELLER, USD, "2"), (COMMISSION, USD, "0.5")]
    assert without_zeros(made) == {USD: "100"}


def test_part_of_a_sale_is_split_by_largest_remainder_over_what_is_left() -> None:
    """It is exact to the last unit: 0.00000003 of 5 in parts of 4 to 1, three times the smallest unit."""
    made, operation = sold("0.00000005")
    assert transfers(made.events[-1]) == [(USD, SELLER, "0.00000004"), (USD, COMMISSION, "0.00000001")]
    assert back(made, operation, "0.00000001") == [(SELLER, USD, "0.00000001")]
    assert back(made, operation, "0.00000002") == [(SELLER, USD, "0.00000002")]
    assert back(made, operation, "0.00000001") == [(SELLER, USD, "0.00000001")]
    assert back(made, operation) == [(COMMISSION, USD, "0.00000001")]
    assert without_zeros(made) == {USD: "100"}


@pytest.mark.parametrize(
    ("part", "left", "shares"),
    [
        ("1", ["4", "1"], ["0.8", "0.2"]),
        ("5", ["4", "1"], ["4", "1"]),
        ("0.00000001", ["4", "1"], ["0.00000001", "0"]),
        ("0.00000001", ["1", "1"], ["0.00000001", "0"]),
        ("0.00000003", ["1", "1"], ["0.00000002", "0.00000001"]),
        ("0.00000002", ["0", "3"], ["0", "0.00000002"]),
        ("0.00000010", ["1", "1", "1"], ["0.00000004", "0.00000003", "0.00000003"]),
        ("999999999999.99999999", ["999999999999.99999999", "0"], ["999999999999.99999999", "0"]),
    ],
)
def test_split(part: str, left: list[str], shares: list[str]) -> None:
    """Shares are rounded down; the largest remainders get one unit each. Ties go to the earlier leg."""
    assert split(amount(part), [amount(leg) for leg in left]) == [amount(share) for share in shares]


def test_what_the_seller_has_spent_becomes_due() -> None:
    """The seller's available money is taken first."""
    made, operation = sold()
    made.decide(do.adjust(OWNER, "usd", "-3"))
    assert back(made, operation) == [
        (SELLER, USD, "1"),
        (SELLER_DUE, USD, "3"),
        (COMMISSION, USD, "1"),
    ]
    assert without_zeros(made) == {USD: "100", SELLER_DUE: "3"}


def test_what_the_seller_has_spent_is_lost_if_the_setting_says_so() -> None:
    """The seller owes nothing."""
    made, operation = sold()
    made.decide(do.adjust(OWNER, "usd", "-3"))
    assert back(made, operation, spent_by_payee="loss") == [
        (SELLER, USD, "1"),
        ("platform:losses:usd", USD, "3"),
        (COMMISSION, USD, "1"),
    ]
    assert without_zeros(made) == {USD: "100"}


def test_money_of_a_sale_that_paid_down_a_debt_is_taken_from_the_seller() -> None:
    """The old debt stays paid; the missing money becomes a new one."""
    made = domain(owner={"due:usd": "3"})
    made.decide(make.machine_copy(MACHINE, user=USER))
    assert without_zeros(made) == {USD: "95", SELLER: "1"}
    assert back(made, made.last) == [(SELLER, USD, "1"), (SELLER_DUE, USD, "3"), (COMMISSION, USD, "1")]


def test_money_that_comes_back_to_a_buyer_pays_down_a_debt() -> None:
    """The same operation has both transfers."""
    made, operation = sold(user={"usd": "5"})
    made.decide(do.adjust(USER, "due:usd", "2"))
    assert back(made, operation) == [(SELLER, USD, "4"), (COMMISSION, USD, "1"), (USD, DUE_USD, "2")]
    assert without_zeros(made) == {USD: "3"}


# Bills.


def billed(usd: str, *coupons: Any, money: str = "100", rate: str = "1") -> tuple[ClockedDomain, str]:
    """Pay a bill with coupons of these amounts first; one given as a pair expires after that many days."""
    made = domain({"usd": money}, eaml_per_usd=rate)
    for coupon in coupons:
        value, days = coupon if isinstance(coupon, tuple) else (coupon, None)
        expires_at = None if days is None else made.now + timedelta(days=days)
        made.decide(do.grant(USER, value, expires_at=expires_at))
        made.later(seconds=1)
    made.decide(make.bill(USER, usd))
    return made, made.last


def test_bill_comes_back_as_money_first_then_as_coupons() -> None:
    """The order is the reverse of paying; the tokens go back in proportion."""
    made, operation = billed("10", "3", "4")
    assert back(made, operation, "2") == [(EAML, TREASURY, "2"), (REVENUE_USD, USD, "2")]
    assert back(made, operation, "3") == [
        (EAML, TREASURY, "3"),
        (REVENUE_USD, USD, "1"),
        (REVENUE_USD, COUPON, "2"),
    ]
    assert made.grants(USER) == {event(0): ZERO, event(1): amount(2)}
    assert back(made, operation, "3") == [(EAML, TREASURY, "3"), (REVENUE_USD, COUPON, "3")]
    assert made.grants(USER) == {event(0): amount(1), event(1): amount(4)}
    assert back(made, operation) == [(EAML, TREASURY, "2"), (REVENUE_USD, COUPON, "2")]
    assert without_zeros(made) == {USD: "100", COUPON: "7"}
    assert made.grants(USER) == {event(0): amount(3), event(1): amount(4)}


def test_money_of_a_reversed_bill_pays_down_a_debt() -> None:
    """Coupons that come back do not, because they pay bills only."""
    made, operation = billed("10", "4", money="6")
    made.decide(do.adjust(USER, "due:usd", "7"))
    assert back(made, operation) == [
        (EAML, TREASURY, "10"),
        (REVENUE_USD, USD, "6"),
        (USD, DUE_USD, "6"),
        (REVENUE_USD, COUPON, "4"),
    ]
    assert without_zeros(made) == {COUPON: "4", DUE_USD: "1"}


def test_expired_coupon_goes_back_to_promotions() -> None:
    """The event says so; the live one comes back to the user."""
    made, operation = billed("7", ("3", 1), "4", money="0")
    made.later(days=2)
    data = made.decide(do.reverse(operation))
    assert transfers(data) == [
        (EAML, TREASURY, "7"),
        (REVENUE_USD, COUPON, "4"),
        (REVENUE_USD, PROMOTIONS, "3"),
    ]
    assert data["to_promotions"] == "3.00000000"
    assert made.grants(USER) == {event(0): ZERO, event(1): amount(4)}
    assert without_zeros(made) == {COUPON: "4"}


def test_coupon_that_expires_at_this_instant_is_expired() -> None:
    made, operation = billed("3", ("3", 1), money="0")
    expires_at = made.locked.user_grants(USER)[0].expires_at
    assert expires_at is not None
    made.now = expires_at
    assert made.decide(do.reverse(operation, "1"))["to_promotions"] == "1.00000000"
    made.now = expires_at - timedelta(microseconds=1)
    data = made.decide(do.reverse(operation, "1"))
    assert "to_promotions" not in data
    assert made.grants(USER) == {event(0): amount(1)}


def test_tokens_go_back_rounded_up_and_the_last_part_takes_all() -> None:
    """3 USD bought 1 token: a third of it, rounded up, twice, and the rest with the last part."""
    made, operation = billed("3", rate="0.333333333333")
    assert make.short(made.locked.balance(USER, "eaml")) == "0.99999999"
    assert back(made, operation, "1")[0] == (EAML, TREASURY, "0.33333333")
    assert back(made, operation, "1")[0] == (EAML, TREASURY, "0.33333333")
    assert back(made, operation)[0] == (EAML, TREASURY, "0.33333333")
    made, operation = billed("3", rate="0.333333337")
    assert make.short(made.locked.balance(USER, "eaml")) == "1.00000001"
    assert [back(made, operation, part)[0][2] for part in ("1", "1", None)] == [
        "0.33333334",
        "0.33333334",
        "0.33333333",
    ]


def test_tokens_that_were_spent_become_due() -> None:
    """The money comes back all the same."""
    made, operation = billed("10")
    made.decide(make.solving(MACHINE, user=USER, lines=7))
    assert back(made, operation) == [
        (EAML, TREASURY, "3"),
        (DUE_EAML, TREASURY, "7"),
        (REVENUE_USD, USD, "10"),
    ]
    assert without_zeros(made) == {USD: "100", DUE_EAML: "7"}


def test_tokens_that_are_held_are_not_taken() -> None:
    """They belong to their hold; the missing tokens become due."""
    made, operation = billed("10")
    made.decide(do.place(MACHINE, user=USER, lines=8))
    assert back(made, operation)[:2] == [(EAML, TREASURY, "2"), (DUE_EAML, TREASURY, "8")]


def test_reversed_bill_that_paid_down_a_debt_takes_available_tokens() -> None:
    """The old debt stays paid, and a new one arises."""
    made = domain({"usd": "10", "due:eaml": "4"})
    made.decide(make.bill(USER, "10"))
    assert back(made, made.last)[:2] == [(EAML, TREASURY, "6"), (DUE_EAML, TREASURY, "4")]
    assert without_zeros(made) == {USD: "10", DUE_EAML: "4"}


# Money paid in, coupons, adjustments.


def test_payment_that_comes_back_leaves_to_the_provider() -> None:
    """The part that was spent becomes due, as with a chargeback."""
    made = domain({})
    made.decide(make.top_up(USER, "10"))
    payment = made.last
    assert back(made, payment, "4") == [(USD, CLEARING, "4")]
    made.decide(make.machine_copy(MACHINE, user=USER))
    assert back(made, payment) == [(USD, CLEARING, "1"), (DUE_USD, CLEARING, "5")]
    assert without_zeros(made) == {SELLER: "4", DUE_USD: "5"}


def test_spent_by_payee_is_about_payees() -> None:
    """A payer who spent a reversed payment owes it, whatever the setting."""
    made = domain({})
    made.decide(make.top_up(USER, "5"))
    payment = made.last
    made.decide(make.machine_copy(MACHINE, user=USER))
    assert back(made, payment, spent_by_payee="loss") == [(DUE_USD, CLEARING, "5")]


def test_coupon_is_taken_back_as_far_as_it_is_not_spent() -> None:
    """It can be taken back in part or whole."""
    made = domain()
    made.decide(do.grant(USER, 5))
    coupon = made.last
    assert back(made, coupon, "2") == [(COUPON, PROMOTIONS, "2")]
    made.decide(make.bill(USER, "1"))
    with nothing_changes(made), pytest.raises(InsufficientFunds) as refused:
        made.decide(do.reverse(coupon))
    assert refused.value.details == {"currency": "USD", "amount": "3.00000000", "available": "2.00000000"}
    assert back(made, coupon, "2") == [(COUPON, PROMOTIONS, "2")]
    assert made.grants(USER) == {coupon: ZERO}


def test_expired_coupon_is_not_taken_back() -> None:
    """The sweep has already taken it."""
    made = domain()
    made.decide(do.grant(USER, 5, expires_at=made.now + timedelta(days=1)))
    coupon = made.last
    made.later(days=1)
    with pytest.raises(InsufficientFunds) as refused:
        made.decide(do.reverse(coupon))
    assert refused.value.details["available"] == "0.00000000"


def test_redeemed_code_is_taken_back_and_stays_redeemed() -> None:
    """The code cannot be redeemed a second time."""
    made = domain()
    made.decide(do.create_code("HELLO", 2))
    made.decide(do.redeem("HELLO", user=USER))
    assert back(made, made.last) == [(COUPON, PROMOTIONS, "2")]
    with pytest.raises(Exception, match="already redeemed"):
        made.decide(do.redeem("HELLO", user=USER))


@pytest.mark.parametrize(
    ("account", "change", "moves"),
    [
        ("usd", "3", [(USD, "platform:manual:usd", "3")]),
        ("usd", "-3", [("platform:manual:usd", USD, "3")]),
        ("eaml", "3", [(EAML, "platform:manual:eaml", "3")]),
        ("eaml", "-3", [("platform:manual:eaml", EAML, "3")]),
        ("coupon", "3", [(COUPON, PROMOTIONS, "3")]),
        ("coupon", "-3", [(PROMOTIONS, COUPON, "3")]),
        ("due:usd", "3", [("platform:manual:usd", DUE_USD, "3")]),
        ("due:eaml", "3", [("platform:manual:eaml", DUE_EAML, "3")]),
    ],
)
def test_adjustment_is_undone(
    account: AdjustedAccount, change: str, moves: list[tuple[str, str, str]]
) -> None:
    """Every account is as before."""
    made = domain({"usd": "10", "eaml": "10"})
    made.decide(do.grant(USER, 5))
    before, grants = without_zeros(made), made.grants(USER)
    made.decide(do.adjust(USER, account, change))
    assert back(made, made.last) == moves
    assert without_zeros(made) == before
    assert {grant: left for grant, left in made.grants(USER).items() if left} == grants


@pytest.mark.parametrize("name", ["usd", "eaml"])
def test_write_off_is_undone(name: str) -> None:
    """The user owes the amount again."""
    made = domain({f"due:{name}": "5", name: "9"})
    account: AdjustedAccount = "due:usd" if name == "usd" else "due:eaml"
    made.decide(do.adjust(USER, account, "-3"))
    assert transfers(made.events[-1]) == [(f"platform:losses:{name}", f"user:2:due:{name}", "3")]
    assert back(made, made.last) == [(f"user:2:due:{name}", f"platform:losses:{name}", "3")]
    assert without_zeros(made) == {f"user:2:due:{name}": "5", f"user:2:{name}": "9"}


@pytest.mark.parametrize("name", ["usd", "eaml"])
def test_debt_that_was_put_on_and_paid_comes_back_as_money(name: str) -> None:
    """The part that is no longer owed comes back as money."""
    account: AdjustedAccount = "due:usd" if name == "usd" else "due:eaml"
    made = domain({})
    made.decide(do.adjust(USER, account, "5"))
    debt = made.last
    made.decide(do.adjust(USER, "usd" if name == "usd" else "eaml", "3"))
    assert without_zeros(made) == {f"user:2:due:{name}": "2"}
    assert back(made, debt) == [
        (f"platform:manual:{name}", f"user:2:due:{name}", "2"),
        (f"platform:manual:{name}", f"user:2:{name}", "3"),
    ]
    assert without_zeros(made) == {f"user:2:{name}": "3"}


def test_money_that_was_put_on_and_spent_becomes_due() -> None:
    """The adjustment is undone as a whole."""
    made = domain({})
    made.decide(do.adjust(USER, "usd", "6"))
    adjustment = made.last
    made.decide(make.machine_copy(MACHINE, user=USER))
    assert back(made, adjustment) == [
        (USD, "platform:manual:usd", "1"),
        (DUE_USD, "platform:manual:usd", "5"),
    ]


@pytest.mark.parametrize("name", ["usd", "eaml"])
def test_money_that_was_taken_off_pays_down_a_debt_when_it_comes_back(name: str) -> None:
    account: AdjustedAccount = "usd" if name == "usd" else "eaml"
    due: AdjustedAccount = "due:usd" if name == "usd" else "due:eaml"
    made = domain({name: "5"})
    made.decide(do.adjust(USER, account, "-5"))
    adjustment = made.last
    made.decide(do.adjust(USER, due, "3"))
    assert back(made, adjustment) == [
        (f"platform:manual:{name}", f"user:2:{name}", "5"),
        (f"user:2:{name}", f"user:2:due:{name}", "3"),
    ]


def test_coupons_that_were_taken_off_come_back_as_they_were() -> None:
    """The last spent comes back first; expired ones stay with promotions, and the event says so."""
    made = domain()
    made.decide(do.grant(USER, 2, kinds=("training",), priority=5))
    made.decide(do.grant(USER, 4, expires_at=made.now + timedelta(days=1), priority=1))
    made.decide(do.adjust(USER, "coupon", "-5"))
    adjustment = made.last
    assert back(made, adjustment, "1") == [(PROMOTIONS, COUPON, "1")]
    assert made.grants(USER) == {event(0): amount(2), event(1): ZERO}
    made.later(days=1)
    data = made.decide(do.reverse(adjustment, "3"))
    assert (transfers(data), data["to_promotions"]) == ([], "3.00000000")
    assert made.locked.reversed[adjustment].left == amount(1)


# Operations that cannot be reversed.


def test_unknown_operation_cannot_be_reversed() -> None:
    made = domain()
    with nothing_changes(made), pytest.raises(UnknownOperation):
        made.decide(do.reverse(event(99)))


def test_reversal_cannot_be_reversed() -> None:
    """The operation is recorded again instead."""
    made, operation = solved(4, eaml="10")
    made.decide(do.reverse(operation))
    with nothing_changes(made), pytest.raises(NotReversible):
        made.decide(do.reverse(made.last))


def test_expired_coupon_does_not_come_back() -> None:
    """An expiry cannot be reversed; a new coupon can be granted."""
    made = domain()
    made.decide(do.grant(USER, 5, expires_at=made.now + timedelta(days=1)))
    made.later(days=1)
    made.sweep()
    with nothing_changes(made), pytest.raises(NotReversible):
        made.decide(do.reverse(made.last))


def test_opening_balance_cannot_be_reversed() -> None:
    """It can be adjusted."""
    made = domain({})
    made.decide(
        replace(do.grant(USER, 1), command=OpenBalances(user=USER, occurred_at=made.now, usd=amount(3)))
    )
    with nothing_changes(made), pytest.raises(NotReversible):
        made.decide(do.reverse(made.last))


def test_operation_that_cost_nothing_has_nothing_to_reverse() -> None:
    made, operation = solved(0, eaml="10")
    with nothing_changes(made), pytest.raises(NothingLeftToReverse):
        made.decide(do.reverse(operation))


def without(made: ClockedDomain, user: int) -> None:
    made.known = replace(made.known, users=made.known.users - {user})


def test_operation_of_a_deleted_payer_cannot_be_reversed() -> None:
    """The payer's accounts are closed."""
    made, operation = sold(user={"usd": "5"})
    without(made, USER)
    with nothing_changes(made), pytest.raises(NotReversible):
        made.decide(do.reverse(operation))


def test_what_a_deleted_seller_got_is_the_platforms_loss() -> None:
    """It becomes no user's debt, whatever the setting."""
    made, operation = sold()
    made.decide(do.adjust(OWNER, "usd", "-4"))
    without(made, OWNER)
    assert back(made, operation) == [("platform:losses:usd", USD, "4"), (COMMISSION, USD, "1")]
    assert without_zeros(made) == {USD: "100"}


def test_decoding_returns_the_reversal_that_was_encoded() -> None:
    """It is written to JSON and read again."""
    made, operation = billed("10", "3", "4")
    made.decide(do.reverse(operation, "8"))
    kept: Reversed = made.locked.reversed[operation]
    assert (kept.total, kept.amount) == (Decimal(10), Decimal(8))
    assert decode_reversed(operation, encode_reversed(kept)) == kept
    assert made.events[-1]["reversed"] == {operation: encode_reversed(kept)}

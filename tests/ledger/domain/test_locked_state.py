"""The locked state refuses what must never happen, and balances of more than twelve digits."""

from decimal import Decimal

import pytest

from ledger.domain.chart import Transfer
from ledger.domain.errors import AmountTooLarge
from ledger.domain.locked_state import Account, BrokenInvariant, Decision, LockedState
from ledger.domain.money import AMOUNT_MAX, QUANTUM, USD, ZERO
from tests import builders as make
from tests.builders import PureDomain, amount, machine_terms, short

MOST = "999999999999.99999999"


def move(locked: LockedState, *transfers: Transfer) -> list[Account]:
    decided = Decision(
        type="operation.recorded", kind="adjustment", payer=1, users=(1, 2), transfers=transfers
    )
    return locked.apply(decided)


def with_usd(balance: str, held: str = "0") -> LockedState:
    locked = LockedState.empty([1, 2])
    locked.accounts["user:1:usd"].balance = amount(balance)
    locked.accounts["user:1:usd"].held = amount(held)
    return locked


@pytest.mark.parametrize(("balance", "held", "spent"), [("1", "0", "1.00000001"), ("5", "4", "1.00000001")])
def test_balance_below_what_is_held_breaks_an_invariant(balance: str, held: str, spent: str) -> None:
    """Held money is not available; the transaction fails instead of posting it."""
    with pytest.raises(BrokenInvariant):
        move(with_usd(balance, held), Transfer("user:1:usd", "user:2:usd", USD, amount(spent)))


@pytest.mark.parametrize("value", [ZERO, -QUANTUM])
def test_transfer_of_nothing_breaks_an_invariant(value: Decimal) -> None:
    """Amounts of transfers are above zero."""
    with pytest.raises(BrokenInvariant):
        move(with_usd("1"), Transfer("user:1:usd", "user:2:usd", USD, value))


def test_transfer_to_a_user_who_is_not_locked_breaks_an_invariant() -> None:
    """Only locked accounts may be changed."""
    with pytest.raises(BrokenInvariant, match="user:3:usd"):
        move(with_usd("1"), Transfer("user:1:usd", "user:3:usd", USD, amount(1)))


def test_touched_accounts_come_once_each_in_order_of_first_touch() -> None:
    """These are written back."""
    touched = move(
        with_usd("10"),
        Transfer("user:1:usd", "user:2:usd", USD, amount(4)),
        Transfer("user:1:usd", "platform:revenue:usd", USD, amount(1)),
    )
    assert [(account.code, short(account.balance), account.version) for account in touched] == [
        ("user:1:usd", "5", 2),
        ("user:2:usd", "4", 1),
    ]


def test_user_with_the_largest_balance_may_spend_it() -> None:
    """The size is checked where money arrives, not where it leaves."""
    rich = PureDomain(users=[1], start={1: {"usd": MOST}})
    rich.decide(make.adjustment(1, "usd", f"-{MOST}"))
    assert rich.balances() == {}
    buyer = PureDomain(
        users=[1, 2],
        machines=[machine_terms(owner=2, copy="600000000000")],
        start={1: {"usd": "700000000000"}},
    )
    buyer.decide(make.machine_copy(7, user=1))
    assert short(buyer.balances()["user:1:usd"]) == "100000000000"


def test_balance_before_a_debt_is_paid_down_must_not_be_too_large() -> None:
    """The entry in between has a balance too, which no column could hold."""
    full = PureDomain(users=[1], start={1: {"usd": MOST, "due:usd": "5"}})
    with pytest.raises(AmountTooLarge) as refused:
        full.decide(make.top_up(1, "1"))
    assert refused.value.details == {"account": "user:1:usd"}
    assert amount(MOST) == AMOUNT_MAX


def test_debt_has_at_most_twelve_digits_too() -> None:
    """A due is a balance as well."""
    tariff = make.tariff(solving_line_eaml="1", credit_limit_eaml="9999999999999")
    domain = PureDomain(
        users=[1],
        machines=[machine_terms(owner=1)],
        tariffs=[tariff],
        start={1: {"due:eaml": "999999999999"}},
    )
    with pytest.raises(AmountTooLarge):
        domain.decide(make.solving(7, user=1, lines=1))


def test_user_is_found_by_their_accounts() -> None:
    """The locked state knows which users are locked."""
    locked = LockedState.empty([1])
    assert locked.has_user(1)
    assert not locked.has_user(2)

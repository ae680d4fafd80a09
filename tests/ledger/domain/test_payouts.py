"""A payout sets money aside, which then leaves or becomes available again."""

from typing import Any

import pytest

from ledger.domain.codec import decode_payout, encode_payout
from ledger.domain.errors import (
    InsufficientFunds,
    NothingLeftToReverse,
    PaymentReferenceUsed,
    PayoutExists,
    PayoutResolved,
    Rejected,
    Undecided,
)
from tests import builders as make
from tests import commands as do
from tests.builders import machine_terms, short, transfers
from tests.commands import ClockedDomain, nothing_changes

OWNER, USER, OTHER, MACHINE = 1, 2, 3, 7
PAYOUT = "bbbbbbbb-0000-4000-8000-000000000001"
ANOTHER = "bbbbbbbb-0000-4000-8000-000000000002"
USD, DUE, CLEARING = "user:2:usd", "user:2:due:usd", "clearing:payments:usd"


def domain(usd: str = "100", *, due: str = "0") -> ClockedDomain:
    start = {"usd": usd} | ({"due:usd": due} if due != "0" else {})
    machines = [machine_terms(MACHINE, owner=OWNER, copy="30")]
    return ClockedDomain(
        users=[OWNER, USER, OTHER], machines=machines, start={USER: start, OTHER: {"usd": "50"}}
    )


def requested(usd: str = "80", **more: Any) -> ClockedDomain:
    made = domain(**more)
    made.decide(do.request_payout(USER, usd, payout=PAYOUT))
    return made


def funds(made: ClockedDomain) -> tuple[str, str]:
    """Return the balance and the part of it that is set aside."""
    account = made.locked.account(USER, "usd")
    return short(account.balance), short(account.held)


def refused(made: ClockedDomain, submission: Any, error: type[Rejected]) -> Rejected:
    with nothing_changes(made), pytest.raises(error) as caught:
        made.decide(submission)
    return caught.value


def test_requesting_sets_aside_and_moves_nothing() -> None:
    """The amount of the payout is no longer available."""
    made = domain()
    data = made.decide(do.request_payout(USER, 80, payout=PAYOUT))
    assert (data["kind"], data["payout"], data["transfers"]) == ("payout", PAYOUT, [])
    assert data["payouts"][PAYOUT]["state"] == "requested"
    assert funds(made) == ("100", "80")


def test_paid_payout_leaves_through_clearing() -> None:
    """There is one transfer, and nothing is held any more."""
    made = requested()
    data = made.decide(do.pay(PAYOUT, reference="po_1"))
    assert transfers(data) == [(USD, CLEARING, "80")]
    assert data["payouts"][PAYOUT] | {"user": 0} == {
        "user": 0,
        "amount": "80.00000000",
        "remaining": "0.00000000",
        "state": "paid",
    }
    assert funds(made) == ("20", "0")


def test_failed_payout_is_available_again() -> None:
    """All of it is available again, once."""
    made = requested()
    data = made.decide(do.fail(PAYOUT))
    assert data["transfers"] == []
    assert funds(made) == ("100", "0")
    error = refused(made, do.fail(PAYOUT), PayoutResolved)
    assert error.details == {"payout": PAYOUT, "state": "failed"}


@pytest.mark.parametrize("first", [do.pay, do.fail])
@pytest.mark.parametrize("second", [do.pay, do.fail])
def test_payout_ends_once(first: Any, second: Any) -> None:
    """Every later command about it is rejected."""
    made = requested()
    made.decide(first(PAYOUT))
    refused(made, second(PAYOUT), PayoutResolved)


def test_held_money_is_not_paid_out() -> None:
    """Of two payouts of more than the balance the second is rejected."""
    made = requested("60")
    error = refused(made, do.request_payout(USER, "40.00000001", payout=ANOTHER), InsufficientFunds)
    assert error.details == {
        "currency": "USD",
        "amount": "40.00000001",
        "available": "40.00000000",
        "due": "0.00000000",
    }
    made.decide(do.request_payout(USER, 40, payout=ANOTHER))
    assert funds(made) == ("100", "100")


def test_what_a_user_owes_is_not_paid_out() -> None:
    """A user is paid no more than what is available less what is due."""
    made = domain(due="30")
    error = refused(made, do.request_payout(USER, "70.00000001", payout=PAYOUT), InsufficientFunds)
    assert error.details["due"] == "30.00000000"
    made.decide(do.request_payout(USER, 70, payout=PAYOUT))
    owing_all = domain("20", due="30")
    refused(owing_all, do.request_payout(USER, "0.00000001", payout=PAYOUT), InsufficientFunds)


def test_payout_cannot_be_spent() -> None:
    """Neither a sale nor a bill can use it."""
    made = requested()
    refused(made, make.machine_copy(MACHINE, user=USER), InsufficientFunds)
    refused(made, make.bill(USER, "20.00000001"), InsufficientFunds)
    made.decide(make.bill(USER, 20))
    made.decide(do.pay(PAYOUT))
    assert funds(made) == ("0", "0")


def test_id_of_a_payout_is_used_once() -> None:
    """The publisher chooses it, and a retry has the same idempotency key."""
    made = requested()
    refused(made, do.request_payout(USER, 1, payout=PAYOUT), PayoutExists)
    refused(made, do.request_payout(OTHER, 1, payout=PAYOUT), PayoutExists)


@pytest.mark.parametrize("end", [do.pay, do.fail])
def test_payout_that_is_not_known_is_undecided(end: Any) -> None:
    """Its request may still come."""
    with pytest.raises(Undecided) as caught:
        domain().decide(end(PAYOUT))
    assert caught.value.details == {"field": "payout", "waits_for": f"payout:{PAYOUT}"}


def test_providers_reference_is_used_once() -> None:
    """It is used once by payouts; an incoming payment under the same reference is another one."""
    made = requested("30")
    made.decide(do.request_payout(USER, 20, payout=ANOTHER))
    made.decide(make.top_up(USER, 5, reference="po_1"))
    made.decide(do.pay(PAYOUT, reference="po_1", provider="stripe"))
    for provider in ("stripe", "default"):
        error = refused(made, do.pay(ANOTHER, reference="po_1", provider=provider), PaymentReferenceUsed)
        assert error.details == {"recorded_as": made.last}
    made.decide(do.pay(ANOTHER, reference="po_1", provider="bank"))


def test_payout_that_the_bank_sent_back_is_reversed() -> None:
    """It may be sent back in parts, pays down debts first, and is never more than was paid."""
    made = requested()
    made.decide(do.pay(PAYOUT))
    paid = made.last
    assert transfers(made.decide(do.reverse(paid, 30))) == [(CLEARING, USD, "30")]
    made.decide(do.adjust(USER, "due:usd", 10))
    assert transfers(made.decide(do.reverse(paid))) == [(CLEARING, USD, "50"), (USD, DUE, "10")]
    assert funds(made) == ("90", "0")
    refused(made, do.reverse(paid, 1), NothingLeftToReverse)


def test_state_of_a_payout_survives_its_event() -> None:
    """Decoding returns the payout that was encoded."""
    made = requested()
    payout = made.locked.payouts[PAYOUT]
    assert decode_payout(PAYOUT, encode_payout(payout)) == payout

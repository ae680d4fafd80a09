"""A chargeback takes back money that was paid in, whether it is still there or not."""

from typing import Any

import pytest
from pydantic import ValidationError

from easyautoml_ledger.chargebacks import Chargeback
from ledger.domain.errors import (
    AlreadyDisputed,
    AmbiguousPayment,
    NothingLeftToReverse,
    NotReversible,
    Rejected,
    Undecided,
    UnknownOperation,
)
from tests import builders as make
from tests import commands as do
from tests.builders import short, transfers
from tests.commands import ClockedDomain, event, nothing_changes

USER = 2
USD, DUE, CLEARING = "user:2:usd", "user:2:due:usd", "clearing:payments:usd"


def paid(usd: str = "100") -> ClockedDomain:
    """Return a domain in which the user paid in that amount under the reference `pi_1`: event 0."""
    made = ClockedDomain(users=[1, USER])
    made.decide(make.top_up(USER, usd, reference="pi_1"))
    return made


def refused(made: ClockedDomain, submission: Any, error: type[Rejected]) -> Rejected:
    with nothing_changes(made), pytest.raises(error) as caught:
        made.decide(submission)
    return caught.value


def test_money_that_is_there_leaves_again() -> None:
    """The provider's reference names the payment, which is linked as by a reversal."""
    made = paid()
    data = made.decide(do.charge_back(reference="pi_1"))
    assert transfers(data) == [(USD, CLEARING, "100")]
    assert (data["kind"], data["reverses"], data["reversed_kind"]) == (
        "chargeback",
        event(0),
        "credit_from_user",
    )
    assert data["final"] is True


def test_money_that_is_spent_becomes_due() -> None:
    """Available money is taken first."""
    made = paid()
    made.decide(make.bill(USER, 70))
    assert transfers(made.decide(do.charge_back(reference="pi_1"))) == [
        (USD, CLEARING, "30"),
        (DUE, CLEARING, "70"),
    ]
    # The next money that is paid in pays it down.
    data = made.decide(make.top_up(USER, 80, reference="pi_2"))
    assert transfers(data) == [(CLEARING, USD, "80"), (USD, DUE, "70")]


def test_held_money_is_left_alone() -> None:
    """A payout that is under way can still be paid."""
    made = paid()
    payout = "bbbbbbbb-0000-4000-8000-000000000001"
    made.decide(do.request_payout(USER, 60, payout=payout))
    data = made.decide(do.charge_back(reference="pi_1"))
    assert transfers(data) == [(USD, CLEARING, "40"), (DUE, CLEARING, "60")]
    made.decide(do.pay(payout))
    assert made.locked.balance(USER, "usd") == 0
    assert short(made.locked.balance(USER, "due:usd")) == "60"


def test_dispute_over_more_than_is_left_takes_what_is_left() -> None:
    """It is a part of the payment like a reversal, and the answer names the rest."""
    made = paid()
    made.decide(do.reverse(event(0), 50))
    data = made.decide(do.charge_back(reference="pi_1", value=70))
    assert transfers(data) == [(USD, CLEARING, "50")]
    assert (data["amount"], data["rest"], data["final"]) == ("50.00000000", "20.00000000", True)
    refused(made, do.reverse(event(0), "0.00000001"), NothingLeftToReverse)


def test_payment_is_disputed_once() -> None:
    """A second dispute names the first one, also if that was won and the money was paid in again."""
    made = paid()
    assert "rest" not in made.decide(do.charge_back(reference="pi_1", value=30))
    first = made.last
    made.decide(make.top_up(USER, 30, reference="pi_1-won"))
    error = refused(made, do.charge_back(event(0), 20), AlreadyDisputed)
    assert (error.details, error.status) == ({"operation": event(0), "first": first}, 409)
    made.decide(do.reverse(event(0), 70))


def test_rest_of_a_dispute_is_an_adjustment_about_the_payment() -> None:
    """The payment has to be one of the user's."""
    made = paid()
    data = made.decide(do.adjust(USER, "due:usd", 20, about=event(0)))
    assert data["about"] == event(0)
    refused(made, do.adjust(1, "due:usd", 20, about=event(0)), UnknownOperation)
    refused(made, do.adjust(USER, "due:usd", 20, about=event(9)), UnknownOperation)
    made.decide(do.adjust(USER, "due:usd", 2000, about=event(0)))
    assert made.decide(do.approve(made.last))["about"] == event(0)


def test_dispute_of_a_payment_with_nothing_left_is_rejected() -> None:
    """Nothing can be posted for it."""
    made = paid()
    made.decide(do.reverse(event(0)))
    error = refused(made, do.charge_back(reference="pi_1", value=10), NothingLeftToReverse)
    assert error.details["left"] == "0.00000000"


def test_only_money_that_was_paid_in_is_charged_back() -> None:
    """Neither a bill nor a chargeback can be charged back."""
    made = paid()
    made.decide(make.bill(USER, 10))
    refused(made, do.charge_back(made.last), NotReversible)
    made.decide(do.charge_back(reference="pi_1", value=1))
    refused(made, do.charge_back(made.last), NotReversible)
    refused(made, do.reverse(made.last), NotReversible)


def test_payment_that_is_not_known_is_undecided() -> None:
    """A payment may still come; an unknown operation is rejected."""
    made = paid()
    with pytest.raises(Undecided) as caught:
        made.decide(do.charge_back(reference="pi_2", provider="a-provider-with-a-rather-long-cod"[:32]))
    assert caught.value.details["field"] == "payment_reference"
    assert len(caught.value.details["waits_for"]) <= 60
    refused(made, do.charge_back(event(9)), UnknownOperation)


def test_a_chargeback_without_a_provider_takes_the_only_payment() -> None:
    """A payment that does not say its provider is any provider's; one of two is ambiguous."""
    made = ClockedDomain(users=[1, USER])
    made.decide(make.top_up(USER, 100, reference="pi_1", payment_provider="stripe"))
    assert made.decide(do.charge_back(reference="pi_1", value=1))["reverses"] == event(0)
    with pytest.raises(Undecided):
        made.decide(do.charge_back(reference="pi_1", provider="bank"))
    made.decide(make.top_up(USER, 100, reference="pi_1", payment_provider="bank"))
    second = made.last
    error = refused(made, do.charge_back(reference="pi_1"), AmbiguousPayment)
    assert error.details == {"field": "payment_provider", "providers": ["bank", "stripe"]}
    assert made.decide(do.charge_back(reference="pi_1", provider="bank"))["reverses"] == second
    made.decide(make.top_up(USER, 100, reference="pi_2"))
    third = made.last
    assert made.decide(do.charge_back(reference="pi_2", provider="bank"))["reverses"] == third


def test_reference_is_not_in_the_command() -> None:
    """The reference is a note, as it is of the payment."""
    submission = do.charge_back(reference="pi_secret")
    assert "pi_secret" not in str(submission.sent)
    assert submission.notes == {"payment_reference": "pi_secret", "reason": "the card was stolen"}


@pytest.mark.parametrize("named", [{}, {"payment_reference": "pi_1", "operation": event(0)}])
def test_chargeback_names_its_payment_in_one_way(named: dict[str, str]) -> None:
    """Neither no way nor two, which might disagree."""
    with pytest.raises(ValidationError, match="either payment_reference or operation"):
        Chargeback.model_validate({"reason": "stolen", **named})

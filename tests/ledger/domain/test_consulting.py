"""A consulting contract: into escrow, then to the consultant, back to the client, or to both."""

from dataclasses import replace
from typing import Any

import pytest

from ledger.domain.codec import decode_contract, encode_contract
from ledger.domain.errors import (
    ContractEnded,
    ContractNotOffered,
    ContractUnknown,
    InsufficientFunds,
    NotReversible,
    Rejected,
)
from tests import builders as make
from tests import commands as do
from tests.builders import amount, short, tariff, transfers
from tests.commands import ClockedDomain, nothing_changes

CLIENT, CONSULTANT, CONTRACT = 2, 3, 17
USD, ESCROW, EARNED, COMMISSION = (
    "user:2:usd",
    "escrow:17",
    "user:3:usd",
    "platform:revenue:commission:usd",
)


def domain() -> ClockedDomain:
    made = ClockedDomain(
        users=[CLIENT, CONSULTANT],
        tariffs=[tariff(commission_rate="0.15")],
        start={CLIENT: {"usd": "600"}},
    )
    made.offer(CONTRACT, client=CLIENT, consultant=CONSULTANT, usd=500)
    return made


def signed() -> ClockedDomain:
    made = domain()
    made.decide(do.sign(CONTRACT))
    return made


def refused(made: ClockedDomain, submission: Any, error: type[Rejected]) -> Rejected:
    with nothing_changes(made), pytest.raises(error) as caught:
        made.decide(submission)
    return caught.value


def test_signing_moves_the_amount_into_escrow() -> None:
    """The commission is the one in force now."""
    made = domain()
    data = made.decide(do.sign(CONTRACT))
    assert transfers(data) == [(USD, ESCROW, "500")]
    assert (data["kind"], data["payer"], data["consultant"]) == ("consulting_contract", CLIENT, CONSULTANT)
    assert data["accounts"][ESCROW] == {
        "balance": "500.00000000",
        "held": "0.00000000",
        "version": 1,
    }
    assert data["contracts"]["17"]["commission_rate"] == "0.15000000"
    assert data["pricing"] == {"tariff": 1, "commission_rate": "0.15000000"}


def test_finishing_pays_the_consultant_less_the_commission() -> None:
    """The commission is the one in force at signing, even if the tariff changes later."""
    made = signed()
    made.known = replace(made.known, tariffs=[tariff(2, commission_rate="0.5")])
    data = made.decide(do.end(CONTRACT, "finish"))
    assert data["kind"] == "consulting_payment"
    assert transfers(data) == [(ESCROW, EARNED, "425"), (ESCROW, COMMISSION, "75")]
    assert data["contracts"]["17"]["state"] == "finished"
    assert made.escrow(CONTRACT) == 0


def test_cancelling_returns_all_of_it() -> None:
    """No commission is taken."""
    made = signed()
    data = made.decide(do.end(CONTRACT, "cancel"))
    assert data["kind"] == "consulting_return"
    assert transfers(data) == [(ESCROW, USD, "500")]
    assert short(made.locked.balance(CLIENT, "usd")) == "600"


def test_split_pays_a_part_and_returns_the_rest() -> None:
    """The commission is taken from the consultant's part."""
    made = signed()
    assert transfers(made.decide(do.end(CONTRACT, "split", 200))) == [
        (ESCROW, EARNED, "170"),
        (ESCROW, COMMISSION, "30"),
        (ESCROW, USD, "300"),
    ]
    assert made.locked.contracts[CONTRACT].state == "split"


def test_split_of_all_of_it_returns_nothing() -> None:
    """A split of more than all is rejected."""
    made = signed()
    error = refused(made, do.end(CONTRACT, "split", "500.00000001"), InsufficientFunds)
    assert error.details["available"] == "500.00000000"
    assert transfers(made.decide(do.end(CONTRACT, "split", 500))) == [
        (ESCROW, EARNED, "425"),
        (ESCROW, COMMISSION, "75"),
    ]


def test_debt_of_the_consultant_is_paid_down() -> None:
    """The consultant's part pays it down."""
    made = signed()
    made.decide(do.adjust(CONSULTANT, "due:usd", 100))
    data = made.decide(do.end(CONTRACT, "finish"))
    assert transfers(data)[2:] == [(EARNED, "user:3:due:usd", "100")]
    assert short(made.locked.balance(CONSULTANT, "usd")) == "325"


def test_debt_of_the_client_is_paid_down_by_returned_money() -> None:
    """The debt arose after signing."""
    made = signed()
    made.decide(do.adjust(CLIENT, "due:usd", 40))
    data = made.decide(do.end(CONTRACT, "split", 480))
    assert transfers(data)[2:] == [(ESCROW, USD, "20"), (USD, "user:2:due:usd", "20")]


def test_client_with_too_little_money_is_rejected() -> None:
    """Money that is held for a payout cannot be promised."""
    made = domain()
    made.decide(do.request_payout(CLIENT, 101))
    error = refused(made, do.sign(CONTRACT), InsufficientFunds)
    assert (error.details["amount"], error.details["available"]) == ("500.00000000", "499.00000000")


def test_contract_is_signed_once() -> None:
    """A second signing is rejected even if the request's row is not updated yet."""
    made = signed()
    refused(made, do.sign(CONTRACT), ContractNotOffered)
    made.decide(do.end(CONTRACT, "cancel"))
    refused(made, do.sign(CONTRACT), ContractNotOffered)


@pytest.mark.parametrize("second", ["finish", "split", "cancel"])
@pytest.mark.parametrize("first", ["finish", "split", "cancel"])
def test_contract_ends_once(first: str, second: str) -> None:
    """Every later step is rejected."""
    made = signed()
    made.decide(do.end(CONTRACT, first, 1 if first == "split" else None))
    error = refused(made, do.end(CONTRACT, second, 1 if second == "split" else None), ContractEnded)
    states = {"finish": "finished", "split": "split", "cancel": "cancelled"}
    assert error.details == {"contract": CONTRACT, "state": states[first]}


def test_request_without_an_offer_cannot_be_signed() -> None:
    """The consultant or amount is missing, or no consultant was asked. An unsigned contract cannot end."""
    made = domain()
    refused(made, do.sign(18), ContractUnknown)
    refused(made, do.end(CONTRACT, "finish"), ContractUnknown)
    offer = made.offers[CONTRACT]
    for change in ({"waits": False}, {"consultant": None}, {"amount": None}, {"consultant": CLIENT}):
        made.offers[CONTRACT] = replace(offer, **change)
        refused(made, do.sign(CONTRACT), ContractNotOffered)


def test_contract_for_nothing_moves_nothing() -> None:
    """It is recorded without transfers."""
    made = domain()
    made.offer(18, client=CLIENT, consultant=CONSULTANT, usd=0)
    assert made.decide(do.sign(18))["transfers"] == []
    assert made.decide(do.end(18, "finish"))["transfers"] == []


def test_operations_of_a_contract_cannot_be_reversed() -> None:
    """A signed contract can be cancelled, and a payment can be adjusted."""
    made = signed()
    refused(made, do.reverse(made.last), NotReversible)
    made.decide(do.end(CONTRACT, "finish"))
    refused(made, do.reverse(made.last), NotReversible)


def test_consulting_can_have_its_own_commission() -> None:
    """It may differ from the commission of sales."""
    made = domain()
    terms = tariff(commission_rate="0.15", commission_rates={"consulting_payment": "0.05"})
    made.known = replace(made.known, tariffs=[terms])
    made.decide(do.sign(CONTRACT))
    assert transfers(made.decide(do.end(CONTRACT, "finish")))[1] == (ESCROW, COMMISSION, "25")


def test_state_of_a_contract_survives_its_event() -> None:
    """Decoding returns the contract that was encoded."""
    made = signed()
    contract = made.locked.contracts[CONTRACT]
    assert decode_contract(CONTRACT, encode_contract(contract)) == contract
    assert contract.amount == amount(500)


def test_escrow_is_not_spent() -> None:
    """The client cannot spend money in escrow."""
    made = signed()
    refused(made, make.bill(CLIENT, "100.00000001"), InsufficientFunds)

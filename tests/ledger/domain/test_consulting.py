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
USD, ESCROW, HIS, COMMISSION = "user:2:usd", "escrow:17", "user:3:usd", "platform:revenue:commission:usd"


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
    """With the commission that is in force now."""
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
    """The one that was in force when it was signed, whatever the tariff is by then."""
    made = signed()
    made.known = replace(made.known, tariffs=[tariff(2, commission_rate="0.5")])
    data = made.decide(do.end(CONTRACT, "finish"))
    assert data["kind"] == "consulting_payment"
    assert transfers(data) == [(ESCROW, HIS, "425"), (ESCROW, COMMISSION, "75")]
    assert data["contracts"]["17"]["state"] == "finished"
    assert made.escrow(CONTRACT) == 0


def test_cancelling_returns_all_of_it() -> None:
    """Without a commission."""
    made = signed()
    data = made.decide(do.end(CONTRACT, "cancel"))
    assert data["kind"] == "consulting_return"
    assert transfers(data) == [(ESCROW, USD, "500")]
    assert short(made.locked.balance(CLIENT, "usd")) == "600"


def test_split_pays_a_part_and_returns_the_rest() -> None:
    """The commission is of what the consultant gets."""
    made = signed()
    assert transfers(made.decide(do.end(CONTRACT, "split", 200))) == [
        (ESCROW, HIS, "170"),
        (ESCROW, COMMISSION, "30"),
        (ESCROW, USD, "300"),
    ]
    assert made.locked.contracts[CONTRACT].state == "split"


def test_split_of_all_of_it_returns_nothing() -> None:
    """And of more than that it is rejected."""
    made = signed()
    error = refused(made, do.end(CONTRACT, "split", "500.00000001"), InsufficientFunds)
    assert error.details["available"] == "500.00000000"
    assert transfers(made.decide(do.end(CONTRACT, "split", 500))) == [
        (ESCROW, HIS, "425"),
        (ESCROW, COMMISSION, "75"),
    ]


def test_what_the_consultant_owes_is_settled() -> None:
    """Of what he gets."""
    made = signed()
    made.decide(do.adjust(CONSULTANT, "due:usd", 100))
    data = made.decide(do.end(CONTRACT, "finish"))
    assert transfers(data)[2:] == [(HIS, "user:3:due:usd", "100")]
    assert short(made.locked.balance(CONSULTANT, "usd")) == "325"


def test_what_the_client_owes_is_settled_of_what_comes_back() -> None:
    """It became due after he signed."""
    made = signed()
    made.decide(do.adjust(CLIENT, "due:usd", 40))
    data = made.decide(do.end(CONTRACT, "split", 480))
    assert transfers(data)[2:] == [(ESCROW, USD, "20"), (USD, "user:2:due:usd", "20")]


def test_client_who_is_short_is_rejected() -> None:
    """What is held for a payout is not his to promise."""
    made = domain()
    made.decide(do.request_payout(CLIENT, 101))
    error = refused(made, do.sign(CONTRACT), InsufficientFunds)
    assert (error.details["amount"], error.details["available"]) == ("500.00000000", "499.00000000")


def test_contract_is_signed_once() -> None:
    """Also where its request does not know yet."""
    made = signed()
    refused(made, do.sign(CONTRACT), ContractNotOffered)
    made.decide(do.end(CONTRACT, "cancel"))
    refused(made, do.sign(CONTRACT), ContractNotOffered)


@pytest.mark.parametrize("second", ["finish", "split", "cancel"])
@pytest.mark.parametrize("first", ["finish", "split", "cancel"])
def test_contract_ends_once(first: str, second: str) -> None:
    """Whatever comes after."""
    made = signed()
    made.decide(do.end(CONTRACT, first, 1 if first == "split" else None))
    error = refused(made, do.end(CONTRACT, second, 1 if second == "split" else None), ContractEnded)
    states = {"finish": "finished", "split": "split", "cancel": "cancelled"}
    assert error.details == {"contract": CONTRACT, "state": states[first]}


def test_what_is_not_offered_is_not_signed() -> None:
    """No consultant, no amount, or nobody asked; and what was not signed does not end."""
    made = domain()
    refused(made, do.sign(18), ContractUnknown)
    refused(made, do.end(CONTRACT, "finish"), ContractUnknown)
    offer = made.offers[CONTRACT]
    for change in ({"waits": False}, {"consultant": None}, {"amount": None}, {"consultant": CLIENT}):
        made.offers[CONTRACT] = replace(offer, **change)
        refused(made, do.sign(CONTRACT), ContractNotOffered)


def test_contract_for_nothing_moves_nothing() -> None:
    """It is recorded all the same."""
    made = domain()
    made.offer(18, client=CLIENT, consultant=CONSULTANT, usd=0)
    assert made.decide(do.sign(18))["transfers"] == []
    assert made.decide(do.end(18, "finish"))["transfers"] == []


def test_nothing_of_a_contract_is_reversed() -> None:
    """One that is signed is cancelled, and what was paid is adjusted."""
    made = signed()
    refused(made, do.reverse(made.last), NotReversible)
    made.decide(do.end(CONTRACT, "finish"))
    refused(made, do.reverse(made.last), NotReversible)


def test_commission_of_consulting_can_be_its_own() -> None:
    """A tariff may say another than that of sales."""
    made = domain()
    terms = tariff(commission_rate="0.15", commission_rates={"consulting_payment": "0.05"})
    made.known = replace(made.known, tariffs=[terms])
    made.decide(do.sign(CONTRACT))
    assert transfers(made.decide(do.end(CONTRACT, "finish")))[1] == (ESCROW, COMMISSION, "25")


def test_state_of_a_contract_survives_its_event() -> None:
    """What an event keeps is all that there is."""
    made = signed()
    contract = made.locked.contracts[CONTRACT]
    assert decode_contract(CONTRACT, encode_contract(contract)) == contract
    assert contract.amount == amount(500)


def test_escrow_is_not_spent() -> None:
    """It is no longer the client's."""
    made = signed()
    refused(made, make.bill(CLIENT, "100.00000001"), InsufficientFunds)

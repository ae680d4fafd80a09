"""Payouts, chargebacks and consulting over HTTP, beyond what all doors have in common."""

from uuid import uuid4

import pytest

from models import ConsultingRequest
from tests import commands as do
from tests.builders import fund, make_user, recorded
from tests.web.api.command_routes import World, make_world, send
from tests.web.api.conftest import everything, refused, top_up, users_own


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def test_payout_that_is_too_large_is_rejected_and_leads_to_its_operation(world: World) -> None:
    """There is no payout to be fetched; the refusal can be."""
    payout = str(uuid4())
    body = {"payout": payout, "operation_user": world.user.pk, "amount": "1000"}
    answer = send(world, "/v1/payouts", body)
    problem = refused(answer, 422, "insufficient_funds")
    assert answer.headers["Location"] == f"/v1/operations/{problem['operation']}"
    assert world.api.get(answer.headers["Location"]).json()["kind"] == "payout"
    refused(world.api.get(f"/v1/payouts/{payout}"), 404, "not_found")


def test_end_of_a_payout_that_is_not_known_may_be_sent_again(world: World) -> None:
    """409, retryable; nothing is written."""
    before = everything()
    path = f"/v1/payouts/{uuid4()}/paid"
    assert refused(send(world, path, {}), 409, "undecided", "payout")["retryable"] is True
    assert everything() == before


def test_payout_is_shown_to_its_user_and_to_services(world: World) -> None:
    """Others are told that there is none."""
    path = f"/v1/payouts/{world.payout}"
    shown = {
        "id": world.payout,
        "operation_user": world.user.pk,
        "currency": "USD",
        "amount": "9.00000000",
        "state": "requested",
    }
    for caller in (world.api, users_own(world.user)):
        assert caller.get(path).json() == shown
    refused(users_own(make_user()).get(path), 404, "not_found")


def test_second_payment_under_a_reference_names_the_first(world: World) -> None:
    """As an operation that can be fetched."""
    body = top_up(world.user, "3", payment_reference="pi_once")
    first = send(world, "/v1/operations", body).json()["id"]
    problem = refused(send(world, "/v1/operations", body), 422, "payment_reference_used")
    assert problem["details"] == {"recorded_as": first}


def test_chargeback_names_its_payment_in_one_way(world: World) -> None:
    """Neither in none nor in two."""
    for named in ({}, {"payment_reference": "pi_1", "operation": world.payment}):
        refused(send(world, "/v1/chargebacks", {"reason": "stolen", **named}), 422, "invalid_value")


def test_chargeback_of_what_is_not_known(world: World) -> None:
    """A reference may still come, an operation will not."""
    asked = {"reason": "stolen"}
    unknown = send(world, "/v1/chargebacks", {**asked, "payment_reference": "pi_9"})
    assert refused(unknown, 409, "undecided", "payment_reference")["retryable"] is True
    never = send(world, "/v1/chargebacks", {**asked, "operation": str(uuid4())})
    refused(never, 404, "unknown_operation")


def test_contract_is_shown_to_both_and_to_services(world: World) -> None:
    """With what is still in escrow."""
    path = f"/v1/consulting/{world.contract}"
    consultant = ConsultingRequest.objects.get(pk=world.contract).consultant_user
    assert consultant is not None
    for caller in (world.api, users_own(world.user), users_own(consultant)):
        found = caller.get(path).json()
        assert (found["state"], found["escrow"], found["commission_rate"]) == (
            "signed",
            "5.00000000",
            "0.20000000",
        )
    refused(users_own(make_user()).get(path), 404, "not_found")
    send(world, f"{path}/finish", None)
    assert world.api.get(path).json()["escrow"] == "0.00000000"


def test_escrow_is_shown_to_its_client_alone(world: World) -> None:
    """The consultant sees what he gets."""
    client = fund(make_user(), usd=10)
    request = ConsultingRequest.objects.create(user=client, category="4")
    request.ask_consultant(world.user, amount_usd=10, delay_days=1)
    signed = recorded(do.sign(request.pk)).id
    code = f"escrow:{request.pk}"
    assert code in users_own(client).get(f"/v1/operations/{signed}").json()["accounts"]
    assert world.api.get(f"/v1/operations/{signed}").json()["accounts"][code]["balance"] == "10.00000000"


def test_what_is_not_offered_is_refused_with_nothing_written(world: World) -> None:
    """Over HTTP no balance could change it."""
    before = everything()
    refused(send(world, f"/v1/consulting/{world.contract}/contract", None), 422, "contract_not_offered")
    refused(send(world, "/v1/consulting/999999/contract", None), 404, "contract_unknown")
    assert everything() == before

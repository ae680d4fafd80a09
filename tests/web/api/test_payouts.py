"""Payouts and chargebacks over HTTP."""

from uuid import uuid4

import pytest

from tests.builders import make_user
from tests.web.api.command_routes import World, make_world, send
from tests.web.api.conftest import everything, refused, top_up, users_own


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def test_location_of_a_rejected_payout_is_its_operation(world: World) -> None:
    """There is no payout to fetch, but the rejection can be fetched."""
    payout = str(uuid4())
    body = {"payout": payout, "operation_user": world.user.pk, "amount": "1000"}
    answer = send(world, "/v1/payouts", body)
    problem = refused(answer, 422, "insufficient_funds")
    assert answer.headers["Location"] == f"/v1/operations/{problem['operation']}"
    assert world.api.get(answer.headers["Location"]).json()["kind"] == "payout"
    refused(world.api.get(f"/v1/payouts/{payout}"), 404, "not_found")


def test_confirmation_of_an_unknown_payout_is_retryable(world: World) -> None:
    """409 and nothing is written."""
    before = everything()
    path = f"/v1/payouts/{uuid4()}/paid"
    assert refused(send(world, path, {}), 409, "undecided", "payout")["retryable"] is True
    assert everything() == before


def test_payout_is_shown_to_its_user_and_to_services(world: World) -> None:
    """For others it does not exist."""
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
    """`details` have the operation that recorded it."""
    body = top_up(world.user, "3", payment_reference="pi_once")
    first = send(world, "/v1/operations", body).json()["id"]
    problem = refused(send(world, "/v1/operations", body), 422, "payment_reference_used")
    assert problem["details"] == {"recorded_as": first}


def test_chargeback_names_its_payment_in_exactly_one_way(world: World) -> None:
    """By reference or by operation, not both."""
    for named in ({}, {"payment_reference": "pi_1", "operation": world.payment}):
        refused(send(world, "/v1/chargebacks", {"reason": "stolen", **named}), 422, "invalid_value")


def test_chargeback_of_an_unknown_payment(world: World) -> None:
    """An unknown reference is retryable, an unknown operation is not."""
    asked = {"reason": "stolen"}
    unknown = send(world, "/v1/chargebacks", {**asked, "payment_reference": "pi_9"})
    assert refused(unknown, 409, "undecided", "payment_reference")["retryable"] is True
    never = send(world, "/v1/chargebacks", {**asked, "operation": str(uuid4())})
    refused(never, 404, "unknown_operation")

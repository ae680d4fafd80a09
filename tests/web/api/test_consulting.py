"""Consulting contracts over HTTP."""

import pytest

from models import ConsultingRequest
from tests import commands as do
from tests.builders import fund, make_user, recorded
from tests.web.api.command_routes import World, make_world, send
from tests.web.api.conftest import everything, refused, users_own


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def test_contract_is_shown_to_client_consultant_and_services(world: World) -> None:
    """The answer has the amount that is still in escrow."""
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
    """The consultant does not see the signing. Services see everything."""
    client = fund(make_user(), usd=10)
    request = ConsultingRequest.objects.create(user=client, category="4")
    request.ask_consultant(world.user, amount_usd=10, delay_days=1)
    signed = recorded(do.sign(request.pk)).id
    code = f"escrow:{request.pk}"
    assert code in users_own(client).get(f"/v1/operations/{signed}").json()["accounts"]
    refused(users_own(world.user).get(f"/v1/operations/{signed}"), 404, "not_found")
    assert world.api.get(f"/v1/operations/{signed}").json()["accounts"][code]["balance"] == "10.00000000"


def test_contract_that_is_not_offered_is_refused(world: World) -> None:
    """Nothing is written, because the refusal does not depend on a balance."""
    before = everything()
    refused(send(world, f"/v1/consulting/{world.contract}/contract", None), 422, "contract_not_offered")
    refused(send(world, "/v1/consulting/999999/contract", None), 404, "contract_unknown")
    assert everything() == before

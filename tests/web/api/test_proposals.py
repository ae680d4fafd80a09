"""Adjustments that a second person approves or declines."""

from decimal import Decimal
from uuid import uuid4

import pytest

from events.models import Event
from tests.builders import on_user
from tests.web.api.command_routes import World, adjustment, make_world, send
from tests.web.api.conftest import everything, refused, service, users_own


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def test_adjustment_above_the_limit_becomes_a_proposal(world: World) -> None:
    """202. The proposal is listed, and nothing moves."""
    answer = send(world, "/v1/adjustments", adjustment(world, amount="1000.00000001", direction="down"))
    refused(answer, 422, "insufficient_funds")
    answer = send(world, "/v1/adjustments", adjustment(world, amount="1000.00000001"))
    assert answer.status_code == 202
    assert "Location" not in answer
    assert on_user(world.user)[0] == 95
    proposals = world.api.get("/v1/adjustments/proposals").json()["items"]
    assert [item["id"] for item in proposals] == [answer.json()["proposal"], world.proposal]
    newest = proposals[0]
    assert (newest["subject"], newest["operation_user"], newest["role"]) == (
        "adjustment",
        world.user.pk,
        "staff",
    )
    assert newest["body"] == {"account": "usd", "direction": "up", "amount": "1000.00000001"}
    assert (newest["state"], newest["reason_code"], newest["resolver"]) == ("open", "goodwill", None)


def test_proposer_cannot_approve_their_own_proposal(world: World) -> None:
    """All keys of a source count as one."""
    path = f"/v1/adjustments/proposals/{world.proposal}"
    second = service("ledger:read", "ledger:admin")
    for api in (world.api, second):
        refused(send(world, f"{path}/approve", None, api=api), 422, "self_approval")
    approved = send(world, f"{path}/approve", None, api=world.other).json()
    assert (approved["kind"], approved["proposal"]) == ("adjustment", world.proposal)
    assert approved["proposer"] != approved["resolver"]
    assert on_user(world.user)[0] == 2095
    problem = refused(
        send(world, f"{path}/decline", {"reason": "late"}, api=world.other), 422, "proposal_resolved"
    )
    assert problem["details"] == {"proposal": world.proposal, "state": "approved"}
    assert world.api.get("/v1/adjustments/proposals").json()["items"] == []


def test_declined_proposal_names_its_resolver(world: World) -> None:
    path = f"/v1/adjustments/proposals/{world.proposal}"
    declined = send(world, f"{path}/decline", {"reason": "no"}).json()
    assert declined["transfers"] == []
    assert declined["resolver"] == declined["proposer"]
    refused(send(world, f"{path}/approve", None, api=world.other), 422, "proposal_resolved")
    assert on_user(world.user)[0] == 95


def test_limits_depend_on_the_scope_of_the_key(world: World) -> None:
    """A super admin may adjust 10,000 alone, and approve amounts that staff may not."""
    chief = service("ledger:read", "ledger:admin", "ledger:super-admin", source="/services/board")
    made = send(world, "/v1/adjustments", adjustment(world, amount="10000.00000001"))
    assert made.status_code == 202
    path = f"/v1/adjustments/proposals/{made.json()['proposal']}/approve"
    problem = refused(send(world, path, None, api=world.other), 422, "above_role")
    assert (problem["details"]["role"], problem["details"]["approve_max"]) == ("staff", "10000.00000000")
    event = Event.objects.get(id=problem["operation"])
    assert event.type == "operation.rejected"
    assert event.metadata["actor"] != made.json()["proposer"]
    assert send(world, path, None, api=chief).status_code == 201
    assert send(world, "/v1/adjustments", adjustment(world, amount="10000"), api=chief).status_code == 201
    assert send(world, "/v1/adjustments", adjustment(world, amount="1"), api=chief).status_code == 202
    assert on_user(world.user)[0] == 95 + 20_000 + Decimal("0.00000001")


def test_two_keys_of_a_source_share_the_limit_of_a_day(world: World) -> None:
    """A second key does not double it."""
    second = service("ledger:read", "ledger:admin")
    assert send(world, "/v1/adjustments", adjustment(world, amount="1000")).status_code == 201
    assert send(world, "/v1/adjustments", adjustment(world, amount="0.01"), api=second).status_code == 202
    assert on_user(world.user)[0] == 1095


def test_unknown_proposal_is_not_found(world: World) -> None:
    before = everything()
    for verdict, body in (("approve", None), ("decline", {"reason": "no"})):
        answer = send(world, f"/v1/adjustments/proposals/{uuid4()}/{verdict}", body)
        refused(answer, 404, "proposal_unknown")
    assert everything() == before


def test_proposals_are_listed_for_administrators_only(world: World) -> None:
    refused(service("ledger:read", "ledger:write").get("/v1/adjustments/proposals"), 403, "forbidden")
    refused(users_own(world.user, "ledger:admin").get("/v1/adjustments/proposals"), 403, "forbidden")

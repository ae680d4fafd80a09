"""Adjustments that a second person approves or declines."""

from decimal import Decimal
from uuid import uuid4

import pytest

from events.models import Event
from ledger.domain.errors import Invalid
from ledger.keys import create_key
from models import User
from tests.builders import on_user
from tests.web.api.command_routes import World, adjustment, make_world, send
from tests.web.api.conftest import Api, approver, everything, refused, service, users_own


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
    """A person counts as one with the keys that they made; no key of a service approves."""
    path = f"/v1/adjustments/proposals/{world.proposal}"
    for api in (world.api, service("ledger:admin", "ledger:super-admin", source="/services/board")):
        refused(send(world, f"{path}/approve", None, api=api), 403, "forbidden")
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
    board = approver(is_super_admin=True)
    made = send(world, "/v1/adjustments", adjustment(world, amount="10000.00000001"))
    assert made.status_code == 202
    path = f"/v1/adjustments/proposals/{made.json()['proposal']}/approve"
    problem = refused(send(world, path, None, api=world.other), 422, "above_role")
    assert (problem["details"]["role"], problem["details"]["approve_max"]) == ("staff", "10000.00000000")
    event = Event.objects.get(id=problem["operation"])
    assert event.type == "operation.rejected"
    assert event.metadata["actor"] != made.json()["proposer"]
    assert send(world, path, None, api=board).status_code == 201
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
    world.other.get("/v1/adjustments/proposals")  # updates the last use of the key
    before = everything()
    for verdict, body in (("approve", None), ("decline", {"reason": "no"})):
        answer = send(world, f"/v1/adjustments/proposals/{uuid4()}/{verdict}", body, api=world.other)
        refused(answer, 404, "proposal_unknown")
    assert everything() == before


def test_proposals_are_listed_for_administrators_only(world: World) -> None:
    refused(service("ledger:read", "ledger:write").get("/v1/adjustments/proposals"), 403, "forbidden")
    refused(users_own(world.user, "ledger:admin").get("/v1/adjustments/proposals"), 403, "forbidden")


ATTACKS = [
    (
        "/v1/coupons",
        {"operation_user": None, "amount": "999999999", "reason": "r"},
        ("USD", "999999999.00000000"),
    ),
    (
        "/v1/coupons/codes",
        {"code": "ONE", "amount": "1.01", "redemptions_max": 1000},
        ("USD", "1010.00000000"),
    ),
    ("/v1/coupons/codes", {"code": "ALL", "amount": "0.01"}, ("USD", "unlimited")),
    ("/v1/users/{user}/credit-limit", {"limit": "999999999999"}, ("EAML", "999999998999.00000000")),
]


@pytest.mark.parametrize(("path", "body", "stake"), ATTACKS)
def test_one_key_does_not_mint_money(
    world: World, path: str, body: dict[str, object], stake: tuple[str, str]
) -> None:
    """202, and nothing moves until a person approves. Under its key it is answered and posted once."""
    path = path.format(user=world.user.pk)
    sent = {name: world.user.pk if name == "operation_user" else value for name, value in body.items()}
    before = on_user(world.user)
    made = send(world, path, sent, key="attack")
    assert made.status_code == 202, made.content
    assert on_user(world.user) == before
    assert send(world, path, sent, key="attack").json() == made.json()
    proposal = made.json()["proposal"]
    (shown,) = world.api.get("/v1/commands/proposals").json()["items"]
    assert (shown["id"], shown["subject"], shown["body"]["key"]) == (proposal, "command", "attack")
    assert shown["body"]["stake"] == dict([stake])
    answer = send(world, f"/v1/commands/proposals/{proposal}/approve", None, api=world.other)
    refused(answer, 422, "above_role") if shown["body"]["stake"] != {"USD": "1010.00000000"} else None
    board = approver(is_super_admin=True)
    if answer.status_code != 201:
        answer = send(world, f"/v1/commands/proposals/{proposal}/approve", None, api=board)
    assert answer.status_code == 201, answer.content
    assert answer.json()["proposal"] == proposal
    refused(
        send(world, f"/v1/commands/proposals/{proposal}/approve", None, api=board), 422, "proposal_resolved"
    )
    assert send(world, path, sent, key="attack").json() == made.json()


def test_commands_of_all_kinds_share_the_limit_of_a_day(world: World) -> None:
    """A coupon of 600 and an adjustment of 400 are all that a service moves alone."""
    coupon = {"operation_user": world.user.pk, "amount": "600", "reason": "r"}
    assert send(world, "/v1/coupons", coupon).status_code == 201
    assert send(world, "/v1/adjustments", adjustment(world, amount="400")).status_code == 201
    assert send(world, "/v1/coupons", {**coupon, "amount": "0.01"}).status_code == 202
    assert send(world, "/v1/adjustments", adjustment(world, amount="0.01")).status_code == 202


def test_a_key_and_its_maker_count_as_one(world: World) -> None:
    """The maker approves nothing that the key proposed, and has what the key moved in their own sum."""
    maker = User.objects.create_superuser(f"{uuid4().hex}@example.com", "secret")
    made_key = Api(create_key(name="x", scopes=["ledger:admin"], source="/services/x", made_by=maker.pk))
    assert send(world, "/v1/adjustments", adjustment(world, amount="1000"), api=made_key).status_code == 201
    second = Api(create_key(name="y", scopes=["ledger:admin"], source="/services/y", made_by=maker.pk))
    made = send(world, "/v1/adjustments", adjustment(world, amount="1"), api=second)
    assert made.status_code == 202
    path = f"/v1/adjustments/proposals/{made.json()['proposal']}/approve"
    own = users_own(maker, "ledger:approve")
    refused(send(world, path, None, api=own), 422, "self_approval")
    assert send(world, path, None, api=world.other).status_code == 201


def test_the_scope_to_approve_is_only_for_people_who_may(world: World) -> None:
    """Not for a service, and not for a user without the right. One who loses it approves no more."""
    for owner in ({"source": "/services/x"}, {"user_id": world.user.pk}):
        with pytest.raises(Invalid, match="people who may approve"):
            create_key(name="x", scopes=["ledger:approve"], **owner)
    User.objects.filter(is_superuser=True).update(is_superuser=False)
    path = f"/v1/adjustments/proposals/{world.proposal}/approve"
    refused(send(world, path, None, api=world.other), 403, "forbidden")

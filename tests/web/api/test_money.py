"""Holds, reversals, coupons, debts and four eyes over HTTP: what is shown, and which refusal is which."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from events.models import Event, Note
from models import User
from tests import commands as do
from tests.builders import make_user, on_user, recorded, short
from tests.web.api.command_routes import TOKEN, World, adjustment, make_world, place, send
from tests.web.api.conftest import Response, everything, refused, service, users_own


@pytest.fixture
def world(db: None) -> World:
    return make_world()


# Holds.


def test_hold_is_shown_as_it_stands(world: World) -> None:
    """To a service, and to its payer; nobody else learns that there is one."""
    path = f"/v1/holds/{world.hold}"
    send(world, f"{path}/capture", {"count_of_lines": 4 * TOKEN, "final": False})
    shown = world.api.get(path)
    assert shown.status_code == 200
    content = shown.json()
    assert (content["state"], content["amount"], content["remaining"], content["captured"]) == (
        "open",
        "10.00000000",
        "6.00000000",
        "4.00000000",
    )
    assert (content["payer"], content["operation_user"], content["machine"], content["currency"]) == (
        world.user.pk,
        world.user.pk,
        world.machine.pk,
        "EAML",
    )
    assert users_own(world.user).get(path).json() == content
    refused(users_own(make_user()).get(path), 404, "not_found")
    refused(world.api.get(f"/v1/holds/{uuid4()}"), 404, "not_found")


def test_balances_show_what_is_held(world: World) -> None:
    """`balance`, `held` and `available`."""
    found = world.api.get(f"/v1/users/{world.user.pk}/balances").json()["eaml"]
    assert (found["balance"], found["held"], found["available"]) == (
        "100.00000000",
        "10.00000000",
        "90.00000000",
    )


def test_hold_that_is_too_large_is_refused(world: World) -> None:
    """For this key for ever; there is no hold to be fetched."""
    body = place(world, count_of_lines=91 * TOKEN)
    answer = send(world, "/v1/holds", body, key="same")
    problem = refused(answer, 422, "insufficient_funds")
    assert problem["details"] == {
        "currency": "EAML",
        "amount": "91.00000000",
        "available": "90.00000000",
        "hold": body["hold"],
    }
    assert "Location" not in answer
    assert "operation" not in problem
    recorded(do.void(world.hold))
    again = send(world, "/v1/holds", body, key="same")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == answer.json()
    assert send(world, "/v1/holds", body).status_code == 201


def test_dry_run_of_a_refusal_says_why(world: World) -> None:
    """200, outcome rejected."""
    answer = world.api.post("/v1/holds?dry_run=true", place(world, count_of_lines=91 * TOKEN))
    assert answer.status_code == 200
    content = answer.json()
    assert content["outcome"] == "rejected"
    assert content["decision"]["rejection"]["code"] == "insufficient_funds"


def test_captured_work_is_an_operation(world: World) -> None:
    """Which can be fetched, with its entries, and found by its kind."""
    path = f"/v1/holds/{world.hold}"
    answer = send(world, f"{path}/capture", {"count_of_lines": 12 * TOKEN, "final": True}).json()
    assert (answer["kind"], answer["hold"], answer["final"]) == ("solving", world.hold, True)
    operation = world.api.get(f"/v1/operations/{answer['id']}").json()
    assert [entry["amount"] for entry in operation["entries"]] == ["12.00000000", "12.00000000"]
    listed = world.api.get("/v1/operations", kind="solving").json()["items"]
    assert [item["id"] for item in listed] == [answer["id"]]
    refused(send(world, f"{path}/capture", {"count_of_lines": 1, "final": True}), 422, "hold_resolved")
    refused(send(world, f"{path}/void", {"reason": "late"}), 422, "hold_resolved")


def test_capture_is_final_unless_it_says_otherwise(world: World) -> None:
    path = f"/v1/holds/{world.hold}"
    assert send(world, f"{path}/capture", {"count_of_lines": 1}).status_code == 201
    assert world.api.get(path).json()["state"] == "captured"


def test_what_is_not_known_yet_is_undecided(world: World) -> None:
    """409, may be retried under the same key: nothing is written."""
    nowhere = uuid4()
    before = everything()
    for path, body, waits_for in (
        (f"/v1/holds/{nowhere}/capture", {"count_of_lines": 1}, f"hold:{nowhere}"),
        (f"/v1/holds/{nowhere}/void", {"reason": "lost"}, f"hold:{nowhere}"),
        ("/v1/holds", place(world, machine=10**12), f"machine:{10**12}"),
        ("/v1/holds", place(world, operation_user=10**12), f"user:{10**12}"),
        ("/v1/coupons", {"operation_user": 10**12, "amount": "1", "reason": "r"}, f"user:{10**12}"),
        ("/v1/coupons/redemptions", {"operation_user": 10**12, "code": "WELCOME"}, f"user:{10**12}"),
        ("/v1/adjustments", adjustment(world, operation_user=10**12), f"user:{10**12}"),
        (f"/v1/users/{10**12}/credit-limit", {"limit": "1"}, f"user:{10**12}"),
    ):
        answer = send(world, path, body, key="same")
        problem = json.loads(answer.content)
        assert (answer.status_code, problem["code"], problem["retryable"]) == (409, "undecided", True)
        assert problem["details"]["waits_for"] == waits_for
    assert everything() == before


def test_free_texts_are_kept_beside_the_event(world: World) -> None:
    """Where they can be erased; the event has only their HMAC."""
    answer = send(world, "/v1/adjustments", adjustment(world, reason="he was very sad", evidence="ticket-7"))
    event = Event.objects.get(pk=answer.json()["position"])
    stored: Any = event.data
    assert set(stored["notes"]) == {"reason", "evidence"}
    assert "sad" not in json.dumps(stored)
    assert "ticket-7" not in json.dumps(stored)
    kept = Note.objects.filter(event_id=event.id).values_list("name", "text")
    assert sorted(kept) == [("evidence", "ticket-7"), ("reason", "he was very sad")]


# Reversals.


def test_sale_is_reversed_in_parts(world: World) -> None:
    """Until nothing is left of it."""
    path = f"/v1/operations/{world.sale}/reversals"
    first = send(world, path, {"amount": "2", "reason": "broken"}).json()
    assert (first["kind"], first["reverses"], first["final"]) == ("reversal", world.sale, False)
    assert send(world, path, {"reason": "broken"}).json()["final"] is True
    assert on_user(world.user)[0] == 100
    problem = refused(send(world, path, {"reason": "broken"}), 422, "nothing_left_to_reverse")
    assert problem["details"] == {"operation": world.sale, "left": "0.00000000"}


@pytest.mark.parametrize(
    ("setting", "owes", "account"), [("due", "4", "user"), ("loss", "0", "platform:losses:usd")]
)
def test_setting_says_what_becomes_of_money_that_the_seller_has_spent(
    world: World, settings: Any, setting: str, owes: str, account: str
) -> None:
    """He owes it, or it is the platform's loss."""
    settings.LEDGER_SPENT_BY_PAYEE = setting
    seller = world.machine.machine_owner_user
    recorded(do.adjust(seller, "usd", "-4"))
    answer = send(world, f"/v1/operations/{world.sale}/reversals", {"reason": "broken"}).json()
    assert answer["transfers"][0]["debit"].startswith(account)
    dues = world.api.get(f"/v1/users/{seller.pk}/dues").json()
    assert short(dues["usd"]["balance"]) == owes


def test_what_never_was_cannot_be_reversed(world: World) -> None:
    """404 with nothing written; a rejection, a hold or an event of another kind is no operation either."""
    rejected = send(world, "/v1/holds", place(world, count_of_lines=91 * TOKEN)).json()
    assert rejected["code"] == "insufficient_funds"
    before = everything()
    for operation in (uuid4(), world.hold, world.proposal):
        answer = send(world, f"/v1/operations/{operation}/reversals", {"reason": "r"})
        refused(answer, 404, "unknown_operation")
    refused(send(world, "/v1/operations/7/reversals", {"reason": "r"}), 404, "not_found")
    assert everything() == before


# Coupons.


def test_coupons_are_shown_in_the_order_they_are_spent(world: World) -> None:
    """To a service and to the user; with what is live of them."""
    soon = (timezone.now() + timedelta(days=1)).isoformat()
    for body in (
        {"amount": "1"},
        {"amount": "2", "expires_at": soon},
        {"amount": "4", "priority": 1, "kinds": ["pay_a_bill"]},
    ):
        send(world, "/v1/coupons", {"operation_user": world.user.pk, "reason": "r", **body})
    send(world, "/v1/coupons/redemptions", {"operation_user": world.user.pk, "code": "WELCOME"})
    path = f"/v1/users/{world.user.pk}/coupons"
    found = world.api.get(path).json()
    assert (found["user"], found["live"]) == (world.user.pk, "9.00000000")
    assert [short(item["remaining"]) for item in found["items"]] == ["4", "2", "1", "2"]
    assert [item["code"] for item in found["items"]] == [None, None, None, "WELCOME"]
    assert [item["kinds"] for item in found["items"]] == [["pay_a_bill"], None, None, None]
    assert users_own(world.user).get(path).json() == found
    refused(users_own(make_user()).get(path), 404, "not_found")
    refused(world.api.get(f"/v1/users/{10**12}/coupons"), 404, "not_found")


def test_coupon_that_would_have_expired_names_the_field(world: World) -> None:
    past = (timezone.now() - timedelta(seconds=1)).isoformat()
    body = {"operation_user": world.user.pk, "amount": "1", "expires_at": past, "reason": "r"}
    refused(send(world, "/v1/coupons", body), 422, "expiry_passed", "expires_at")


def test_code_is_redeemed_by_its_rules(world: World) -> None:
    """Each refusal has a code of its own."""
    past = (timezone.now() - timedelta(seconds=1)).isoformat()
    send(world, "/v1/coupons/codes", {"code": "PAST", "amount": "1", "redeem_until": past})
    send(world, "/v1/coupons/codes", {"code": "ONCE", "amount": "1", "redemptions_max": 1})

    def redeem(code: str, user: User) -> Response:
        body = {"operation_user": user.pk, "code": code}
        return send(world, "/v1/coupons/redemptions", body)

    refused(redeem("NOPE", world.user), 422, "code_unknown")
    refused(redeem("PAST", world.user), 422, "code_expired")
    assert redeem("ONCE", world.user).status_code == 201
    refused(redeem("ONCE", world.user), 422, "already_redeemed")
    refused(redeem("ONCE", make_user()), 422, "code_exhausted")
    answer = send(world, "/v1/coupons/codes", {"code": "ONCE", "amount": "9"})
    refused(answer, 422, "code_exists", "code")


def test_bill_says_which_coupon_paid(world: World) -> None:
    """And a reversal gives it back."""
    coupon = send(
        world, "/v1/coupons", {"operation_user": world.user.pk, "amount": "3", "reason": "r"}
    ).json()
    bill = send(
        world, "/v1/operations", {"type": "pay_a_bill", "operation_user": world.user.pk, "amount": "5"}
    ).json()
    assert bill["spent"] == [{"grant": coupon["id"], "amount": "3.00000000"}]
    assert bill["grants"][coupon["id"]]["remaining"] == "0.00000000"
    send(world, f"/v1/operations/{bill['id']}/reversals", {"reason": "r"})
    assert world.api.get(f"/v1/users/{world.user.pk}/coupons").json()["live"] == "3.00000000"


# Debts.


def test_dues_are_shown_with_age_and_limit(world: World) -> None:
    """To a service and to the user."""
    send(world, f"/v1/users/{world.user.pk}/credit-limit", {"limit": "5"})
    operation = {
        "type": "solving",
        "operation_user": world.user.pk,
        "machine": world.machine.pk,
        "count_of_lines": 93 * TOKEN,
    }
    assert send(world, "/v1/operations", operation).status_code == 201
    path = f"/v1/users/{world.user.pk}/dues"
    found = world.api.get(path).json()
    assert (found["user"], found["eaml"]["balance"], found["eaml"]["up_to_30"]) == (
        world.user.pk,
        "3.00000000",
        "3.00000000",
    )
    assert found["eaml"]["credit_limit"] == "5.00000000"
    assert found["eaml"]["oldest"] is not None
    assert (found["usd"]["balance"], found["usd"]["oldest"]) == ("0.00000000", None)
    assert users_own(world.user).get(path).json() == found
    refused(users_own(make_user()).get(path), 404, "not_found")
    refused(world.api.get(f"/v1/users/{10**12}/dues"), 404, "not_found")
    refused(send(world, "/v1/operations", operation), 422, "credit_limit_exceeded")
    send(world, f"/v1/users/{world.user.pk}/credit-limit", {"limit": None})
    assert world.api.get(path).json()["eaml"]["credit_limit"] is None
    assert send(world, "/v1/operations", operation).status_code == 201


def test_debt_is_written_off_by_an_adjustment(world: World) -> None:
    send(world, "/v1/adjustments", adjustment(world, account="due:eaml", amount="3"))
    body = adjustment(world, account="due:eaml", direction="down", amount="2", reason_code="write_off")
    answer = send(world, "/v1/adjustments", body).json()
    assert answer["transfers"][0]["debit"] == "platform:losses:eaml"
    assert world.api.get(f"/v1/users/{world.user.pk}/dues").json()["eaml"]["balance"] == "1.00000000"


# Four eyes.


def test_more_than_is_adjusted_alone_waits_for_a_second_person(world: World) -> None:
    """202: the proposal is listed, and nothing has moved."""
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


def test_nobody_approves_his_own(world: World) -> None:
    """The same key is the same person."""
    path = f"/v1/adjustments/proposals/{world.proposal}"
    refused(send(world, f"{path}/approve", None), 422, "self_approval")
    approved = send(world, f"{path}/approve", None, api=world.other).json()
    assert (approved["kind"], approved["proposal"]) == ("adjustment", world.proposal)
    assert approved["proposer"] != approved["resolver"]
    assert on_user(world.user)[0] == 2095
    problem = refused(
        send(world, f"{path}/decline", {"reason": "late"}, api=world.other), 422, "proposal_resolved"
    )
    assert problem["details"] == {"proposal": world.proposal, "state": "approved"}
    assert world.api.get("/v1/adjustments/proposals").json()["items"] == []


def test_declined_proposal_says_by_whom(world: World) -> None:
    path = f"/v1/adjustments/proposals/{world.proposal}"
    declined = send(world, f"{path}/decline", {"reason": "no"}).json()
    assert declined["transfers"] == []
    assert declined["resolver"] == declined["proposer"]
    refused(send(world, f"{path}/approve", None, api=world.other), 422, "proposal_resolved")
    assert on_user(world.user)[0] == 95


def test_scope_says_how_much_a_key_does_alone_and_approves(world: World) -> None:
    """A super admin adjusts 10,000 alone, and approves what the staff may not."""
    chief = service("ledger:read", "ledger:admin", "ledger:super-admin")
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


def test_proposal_that_there_is_not_is_not_found(world: World) -> None:
    before = everything()
    for verdict, body in (("approve", None), ("decline", {"reason": "no"})):
        answer = send(world, f"/v1/adjustments/proposals/{uuid4()}/{verdict}", body)
        refused(answer, 404, "proposal_unknown")
    assert everything() == before


def test_proposals_are_listed_to_administrators_only(world: World) -> None:
    refused(service("ledger:read", "ledger:write").get("/v1/adjustments/proposals"), 403, "forbidden")
    refused(users_own(world.user, "ledger:admin").get("/v1/adjustments/proposals"), 403, "forbidden")

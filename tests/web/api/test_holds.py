"""Holds over HTTP: their state, captures and refusals."""

import json
from typing import Any
from uuid import uuid4

import pytest

from events.models import Event, Note
from tests import commands as do
from tests.builders import make_user, recorded
from tests.web.api.command_routes import TOKEN, World, adjustment, make_world, place, send
from tests.web.api.conftest import everything, refused, users_own


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def test_hold_is_shown_with_its_current_state(world: World) -> None:
    """A service and its payer see it. For others it does not exist."""
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


def test_balances_show_the_held_amount(world: World) -> None:
    """`available` is `balance` less `held`."""
    found = world.api.get(f"/v1/users/{world.user.pk}/balances").json()["eaml"]
    assert (found["balance"], found["held"], found["available"]) == (
        "100.00000000",
        "10.00000000",
        "90.00000000",
    )


def test_hold_that_is_too_large_is_refused(world: World) -> None:
    """The answer is final for its key, and there is no hold to fetch."""
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


def test_dry_run_of_a_refused_hold_has_the_reason(world: World) -> None:
    """200 with the outcome rejected."""
    answer = world.api.post("/v1/holds?dry_run=true", place(world, count_of_lines=91 * TOKEN))
    assert answer.status_code == 200
    content = answer.json()
    assert content["outcome"] == "rejected"
    assert content["decision"]["rejection"]["code"] == "insufficient_funds"


def test_captured_work_is_an_operation(world: World) -> None:
    """It can be fetched with its entries and is listed under its kind."""
    path = f"/v1/holds/{world.hold}"
    answer = send(world, f"{path}/capture", {"count_of_lines": 12 * TOKEN, "final": True}).json()
    assert (answer["kind"], answer["hold"], answer["final"]) == ("solving", world.hold, True)
    operation = world.api.get(f"/v1/operations/{answer['id']}").json()
    assert [entry["amount"] for entry in operation["entries"]] == ["12.00000000", "12.00000000"]
    listed = world.api.get("/v1/operations", kind="solving").json()["items"]
    assert [item["id"] for item in listed] == [answer["id"]]
    refused(send(world, f"{path}/capture", {"count_of_lines": 1, "final": True}), 422, "hold_resolved")
    refused(send(world, f"{path}/void", {"reason": "late"}), 422, "hold_resolved")


def test_capture_is_final_by_default(world: World) -> None:
    path = f"/v1/holds/{world.hold}"
    assert send(world, f"{path}/capture", {"count_of_lines": 1}).status_code == 201
    assert world.api.get(path).json()["state"] == "captured"


def test_command_about_something_unknown_is_undecided(world: World) -> None:
    """409, retryable with the same key; nothing is written."""
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


def test_free_texts_are_stored_outside_of_the_event(world: World) -> None:
    """They can be erased; the event has only their HMAC."""
    answer = send(world, "/v1/adjustments", adjustment(world, reason="was very sad", evidence="ticket-7"))
    event = Event.objects.get(pk=answer.json()["position"])
    stored: Any = event.data
    assert set(stored["notes"]) == {"reason", "evidence"}
    assert "sad" not in json.dumps(stored)
    assert "ticket-7" not in json.dumps(stored)
    kept = Note.objects.filter(event_id=event.id).values_list("name", "text")
    assert sorted(kept) == [("evidence", "ticket-7"), ("reason", "was very sad")]

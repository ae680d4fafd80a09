"""Every door beyond the nine operations, alike: done once, tried dry, refused by field and by scope."""

from typing import Any
from uuid import uuid4

import pytest

from tests.web.api.conftest import Api, Response, everything, refused, service, users_own
from tests.web.api.doors import COMMAND_PAGES, Door, World, make_world, send


@pytest.fixture
def world(db: None) -> World:
    return make_world()


every_door = pytest.mark.parametrize("door", COMMAND_PAGES, ids=lambda door: door.name)


def knock(world: World, door: Door, *, key: str | None = None, **change: Any) -> Response:
    """The door's command; approved and declined by somebody else than who proposed."""
    body = door.body(world)
    api = world.other if door.second else world.api
    return send(world, door.path(world), None if body is None else {**body, **change}, key=key, api=api)


@every_door
def test_command_is_done_and_says_where_it_is(world: World, door: Door) -> None:
    """201, or 202 where it waits for somebody; a Location leads to it, if it is an operation or a hold."""
    answer = knock(world, door)
    assert answer.status_code == door.done, answer.content
    content = answer.json()
    assert (content["status"], content["source"]) == ("recorded", "/services/marketplace")
    assert "Idempotency-Replayed" not in answer
    location = answer.headers.get("Location")
    assert location == (None if door.at is None else door.at(world, content))
    if location is not None:
        assert world.api.get(location).status_code == 200


@every_door
def test_command_under_the_same_key_is_done_once(world: World, door: Door) -> None:
    """200 and the same answer, marked as replayed."""
    body = door.body(world)
    api = world.other if door.second else world.api
    first = send(world, door.path(world), body, key="same", api=api)
    before = everything()
    second = send(world, door.path(world), body, key="same", api=api)
    assert (first.status_code, second.status_code) == (door.done, 200)
    assert second.json() == first.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.headers.get("Location") == first.headers.get("Location")
    assert everything() == before


@pytest.mark.parametrize("door", [door for door in COMMAND_PAGES if door.differs], ids=lambda door: door.name)
def test_another_command_under_the_key_is_a_conflict(world: World, door: Door) -> None:
    """409, which names the first field that differs; nothing is written."""
    assert door.differs is not None
    field, value = door.differs
    body = door.body(world)
    api = world.other if door.second else world.api
    assert send(world, door.path(world), body, key="same", api=api).status_code == door.done
    before = everything()
    answer = send(world, door.path(world), {**body, field: value}, key="same", api=api)
    refused(answer, 409, "conflict", field)
    assert everything() == before


@every_door
def test_dry_run_says_what_it_would_come_to_and_writes_nothing(world: World, door: Door) -> None:
    """No key is needed, and none is used."""
    api = world.other if door.second else world.api
    body = door.body(world)
    api.get("/v1/operations")  # notes that the key was used, which it does once a minute
    before = everything()
    answer = api.post(f"{door.path(world)}?dry_run=true", b"" if body is None else body)
    assert answer.status_code == 200, answer.content
    assert answer.json()["outcome"] == "recorded"
    assert everything() == before
    assert knock(world, door).status_code == door.done


@every_door
def test_command_needs_a_key_a_scope_and_a_service(world: World, door: Door) -> None:
    """And nothing is written without."""
    path, body = door.path(world), door.body(world)
    raw = b"" if body is None else body
    other_scope = "ledger:admin" if door.scope == "ledger:write" else "ledger:write"
    lacking, users = service("ledger:read", other_scope), users_own(world.user, door.scope)
    for caller in (world.api, lacking):
        caller.get("/v1/operations")
    before = everything()
    refused(world.api.post(path, raw), 400, "missing_idempotency_key", "Idempotency-Key")
    refused(Api(None).post(path, raw, headers={"Idempotency-Key": "k"}), 401, "unauthenticated")
    problem = refused(lacking.post(path, raw, headers={"Idempotency-Key": "k"}), 403, "forbidden")
    assert problem["details"] == {"scope": door.scope}
    answer = users.post(path, raw, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 403
    refused(send(world, f"{path}?dry=true", body), 400, "unknown_parameter", "dry")
    assert {**everything(), "content of ledger_api_key": ""} == {**before, "content of ledger_api_key": ""}


BAD: list[tuple[str, dict[str, Any], str, str]] = [
    ("place a hold", {"hold": "1"}, "invalid_uuid", "hold"),
    ("place a hold", {"kind": "solving_with_api_market"}, "unknown_value", "kind"),
    ("place a hold", {"machine": "7"}, "not_an_integer", "machine"),
    ("place a hold", {"count_of_lines": -1}, "out_of_range", "count_of_lines"),
    ("place a hold", {"unit_price": 0.1}, "amount_is_float", "unit_price"),
    ("place a hold", {"expires_at": "2026-01-01T00:00:00"}, "missing_offset", "expires_at"),
    ("place a hold", {"tip": 1}, "unknown_field", "tip"),
    ("capture a hold", {"count_of_lines": True}, "not_an_integer", "count_of_lines"),
    ("capture a hold", {"final": "yes"}, "not_a_boolean", "final"),
    ("capture a hold", {"hold": str(uuid4())}, "unknown_field", "hold"),
    ("void a hold", {"reason": ""}, "text_too_short", "reason"),
    ("request a payout", {"payout": "1"}, "invalid_uuid", "payout"),
    ("request a payout", {"amount": "0"}, "amount_not_positive", "amount"),
    ("request a payout", {"account": "eaml"}, "unknown_field", "account"),
    ("say that a payout was paid", {"payment_reference": ""}, "text_too_short", "payment_reference"),
    ("say that a payout has failed", {"reason": ""}, "text_too_short", "reason"),
    ("split a contract", {"amount": "0"}, "amount_not_positive", "amount"),
    ("charge back", {"operation": "1"}, "invalid_uuid", "operation"),
    ("charge back", {"amount": "0"}, "amount_not_positive", "amount"),
    ("charge back", {"payment_provider": "a b"}, "invalid_text", "payment_provider"),
    ("reverse", {"amount": "0"}, "amount_not_positive", "amount"),
    ("reverse", {"amount": "0.000000001"}, "amount_too_precise", "amount"),
    ("reverse", {"reason": "x" * 501}, "text_too_long", "reason"),
    ("give a coupon", {"amount": "-1"}, "amount_not_positive", "amount"),
    ("give a coupon", {"kinds": ["training"]}, "unknown_value", "kinds.0"),
    ("give a coupon", {"kinds": []}, "too_few", "kinds"),
    ("give a coupon", {"priority": "1"}, "not_an_integer", "priority"),
    ("give a coupon", {"operation_user": 0}, "out_of_range", "operation_user"),
    ("offer a code", {"code": "lower"}, "invalid_text", "code"),
    ("offer a code", {"redemptions_max": 0}, "out_of_range", "redemptions_max"),
    ("offer a code", {"redeem_until": "tomorrow"}, "invalid_time", "redeem_until"),
    ("redeem a code", {"code": "x\x00"}, "invalid_text", "code"),
    ("set a credit limit", {"limit": "-1"}, "amount_is_negative", "limit"),
    ("adjust", {"account": "clearing"}, "unknown_value", "account"),
    ("adjust", {"direction": "sideways"}, "unknown_value", "direction"),
    ("adjust", {"amount": "1000000000000"}, "amount_too_large", "amount"),
    ("adjust", {"reason_code": "Good Will"}, "invalid_text", "reason_code"),
    ("decline", {"reason": None}, "not_text", "reason"),
]


@pytest.mark.parametrize(
    ("name", "change", "code", "field"), BAD, ids=[f"{bad[0]}: {bad[3]} {bad[2]}" for bad in BAD]
)
def test_bad_body_names_the_field(
    world: World, name: str, change: dict[str, Any], code: str, field: str
) -> None:
    """422, and nothing is written; a dry run says the same."""
    (door,) = (door for door in COMMAND_PAGES if door.name == name)
    body = {**door.body(world), **change}
    before = everything()
    refused(send(world, door.path(world), body), 422, code, field)
    refused(world.api.post(f"{door.path(world)}?dry_run=true", body), 422, code, field)
    assert everything() == before


@pytest.mark.parametrize("door", [door for door in COMMAND_PAGES if door.differs], ids=lambda door: door.name)
def test_body_is_one_strict_json_object(world: World, door: Door) -> None:
    """Not nothing, not a list, no field twice."""
    path = door.path(world)
    before = everything()
    refused(send(world, path, b""), 400, "empty_value")
    refused(send(world, path, b"[]"), 422, "not_an_object")
    refused(send(world, path, b'{"reason": "a", "reason": "b"}'), 400, "duplicate_key", "reason")
    assert everything() == before

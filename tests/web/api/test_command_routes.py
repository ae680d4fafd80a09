"""All command routes alike: executed once, dry run, refused by field and by scope."""

from typing import Any
from uuid import uuid4

import pytest

from ledger.models import ApiKey
from tests.web.api.command_routes import COMMAND_ROUTES, CommandRoute, World, make_world, send
from tests.web.api.conftest import SOURCE, Api, Response, everything, refused, service, users_own


@pytest.fixture
def world(db: None) -> World:
    return make_world()


every_route = pytest.mark.parametrize("route", COMMAND_ROUTES, ids=lambda route: route.name)


def send_command(world: World, route: CommandRoute, *, key: str | None = None, **change: Any) -> Response:
    """Send the route's command, by the second person if it resolves a proposal."""
    body = route.body(world)
    api = world.other if route.by_other else world.api
    return send(world, route.path(world), None if body is None else {**body, **change}, key=key, api=api)


@every_route
def test_command_succeeds_and_its_location_can_be_fetched(world: World, route: CommandRoute) -> None:
    """201, or 202 for a proposal. `Location` can be fetched."""
    answer = send_command(world, route)
    assert answer.status_code == route.status, answer.content
    content = answer.json()
    assert content["status"] == "recorded"
    assert content["source"].startswith("/users/") is route.by_other
    assert (content["source"] == SOURCE) is not route.by_other
    assert "Idempotency-Replayed" not in answer
    location = answer.headers.get("Location")
    assert location == (None if route.location is None else route.location(world, content))
    if location is not None:
        assert world.api.get(location).status_code == 200


@every_route
def test_command_under_the_same_key_is_executed_once(world: World, route: CommandRoute) -> None:
    """A replay gets 200 and the same answer, marked as replayed."""
    body = route.body(world)
    api = world.other if route.by_other else world.api
    first = send(world, route.path(world), body, key="same", api=api)
    before = everything()
    second = send(world, route.path(world), body, key="same", api=api)
    assert (first.status_code, second.status_code) == (route.status, 200)
    assert second.json() == first.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.headers.get("Location") == first.headers.get("Location")
    assert everything() == before


@pytest.mark.parametrize(
    "route", [route for route in COMMAND_ROUTES if route.conflict], ids=lambda route: route.name
)
def test_another_command_under_the_key_is_a_conflict(world: World, route: CommandRoute) -> None:
    """409 with the first field that differs; nothing is written."""
    assert route.conflict is not None
    field, value = route.conflict
    body = route.body(world)
    api = world.other if route.by_other else world.api
    assert send(world, route.path(world), body, key="same", api=api).status_code == route.status
    before = everything()
    answer = send(world, route.path(world), {**body, field: value}, key="same", api=api)
    refused(answer, 409, "conflict", field)
    assert everything() == before


@every_route
def test_dry_run_returns_a_quote_and_writes_nothing(world: World, route: CommandRoute) -> None:
    """It needs no idempotency key and uses none."""
    api = world.other if route.by_other else world.api
    body = route.body(world)
    api.get("/v1/operations")  # updates the last use of the API key, which happens once a minute
    before = everything()
    answer = api.post(f"{route.path(world)}?dry_run=true", b"" if body is None else body)
    assert answer.status_code == 200, answer.content
    assert answer.json()["outcome"] == "recorded"
    assert everything() == before
    assert send_command(world, route).status_code == route.status


@every_route
def test_command_needs_a_key_a_scope_and_a_service(world: World, route: CommandRoute) -> None:
    """Otherwise it is refused and nothing is written."""
    path, body = route.path(world), route.body(world)
    raw = b"" if body is None else body
    other_scope = "ledger:admin" if route.scope == "ledger:write" else "ledger:write"
    lacking, users = service("ledger:read", other_scope), users_own(world.user)
    # The scope to approve is not given to a user without the right, who may also have lost it since.
    ApiKey.objects.filter(user_id=world.user.pk).update(scopes=[route.scope])
    api = world.other if route.by_other else world.api
    for caller in (api, lacking):
        caller.get("/v1/operations")
    before = everything()
    refused(api.post(path, raw), 400, "missing_idempotency_key", "Idempotency-Key")
    refused(Api(None).post(path, raw, headers={"Idempotency-Key": "k"}), 401, "unauthenticated")
    problem = refused(lacking.post(path, raw, headers={"Idempotency-Key": "k"}), 403, "forbidden")
    assert problem["details"] == {"scope": route.scope}
    answer = users.post(path, raw, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 403
    refused(send(world, f"{path}?dry=true", body, api=api), 400, "unknown_parameter", "dry")
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
    """422 and nothing is written; a dry run answers the same."""
    (route,) = (route for route in COMMAND_ROUTES if route.name == name)
    body = {**route.body(world), **change}
    before = everything()
    refused(send(world, route.path(world), body), 422, code, field)
    refused(world.api.post(f"{route.path(world)}?dry_run=true", body), 422, code, field)
    assert everything() == before


@pytest.mark.parametrize(
    "route", [route for route in COMMAND_ROUTES if route.conflict], ids=lambda route: route.name
)
def test_body_is_one_strict_json_object(world: World, route: CommandRoute) -> None:
    """An empty body, a list or a repeated field is refused."""
    path = route.path(world)
    before = everything()
    refused(send(world, path, b""), 400, "empty_value")
    refused(send(world, path, b"[]"), 422, "not_an_object")
    refused(send(world, path, b'{"reason": "a", "reason": "b"}'), 400, "duplicate_key", "reason")
    assert everything() == before

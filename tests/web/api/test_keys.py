"""API keys: which are accepted, what they permit, and what their holders may see."""

import re
from collections.abc import Iterator
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from ledger import keys
from ledger.keys import find_key
from ledger.models import ApiKey
from models import User
from tests.builders import fund, make_machine, make_user
from tests.web.api.conftest import (
    SOURCE,
    Api,
    approver,
    bill,
    everything,
    refused,
    service,
    top_up,
    users_own,
)
from web.api.v1 import api as ledger_api

SCOPES = {
    "ReadKey": "ledger:read",
    "WriteKey": "ledger:write",
    "AdminKey": "ledger:admin",
    "ResolveKey": "ledger:admin",
    "ApproveKey": "ledger:approve",
}


def routes() -> Iterator[tuple[str, str, str]]:
    """Yield method, path and scope of every route in the OpenAPI document."""
    for path, operations in ledger_api.get_openapi_schema(path_prefix="v1/")["paths"].items():
        for method, operation in operations.items():
            ((scheme,),) = operation["security"]
            number = re.sub(r"{user}", "1", path)
            yield (
                method.upper(),
                re.sub("{[a-z]+}", "0198c9a4-7b1e-7c3a-9f57-0a2f4d6b8c10", number),
                SCOPES[scheme],
            )


def call(caller: Api, method: str, path: str) -> Any:
    return caller.get(path) if method == "GET" else caller.post(path, {})


@pytest.mark.parametrize(("method", "path", "scope"), sorted(routes()))
def test_every_route_requires_a_key_with_its_scope(db: None, method: str, path: str, scope: str) -> None:
    """401 without a key, 403 with all other scopes."""
    response = call(Api(None), method, path)
    refused(response, 401, "unauthenticated")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    others = [other for other in ApiKey.Scope.values if other not in {scope, "ledger:approve"}]
    problem = refused(call(service(*others), method, path), 403, "forbidden")
    assert problem["details"] == {"scope": scope}
    holder = approver() if scope == "ledger:approve" else service(scope)
    assert call(holder, method, path).status_code not in {401, 403}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "ledger_",
        "ledger_00000000_" + "x" * 43,
        "ledger_00000000_" + "\x00" * 43,
        "ledger_%s_" % ("é" * 8) + "x" * 43,
        "x" * 10_000,
    ],
)
def test_a_token_that_is_not_a_key_is_refused(db: None, token: str) -> None:
    """401 for every malformed or unknown token."""
    refused(Api(token).get("/v1/operations"), 401, "unauthenticated")


@pytest.mark.parametrize(
    "authorization", ["Basic dXNlcjpwYXNz", "{token}", "Token {token}", "Bearer {token}x"]
)
def test_a_key_that_is_not_a_bearer_token_is_refused(api: Api, authorization: str) -> None:
    """The header must be exactly `Bearer` and the key."""
    response = api.client.get(
        "/v1/operations", headers={"Authorization": authorization.format(token=api.token)}
    )
    refused(response, 401, "unauthenticated")


def forget_found_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Move the clock past the time for which a found key is remembered."""
    monkeypatch.setattr(keys, "monotonic", lambda: monotonic() + keys.CACHED_SECONDS)


@pytest.mark.parametrize(
    "change",
    [
        {"revoked_at": timezone.now()},
        {"expires_at": timezone.now() - timedelta(seconds=1)},
        {"secret_hash": b"\x00" * 32},
        {"scopes": []},
    ],
)
def test_a_key_that_is_no_longer_valid_is_refused(
    api: Api, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Revoked, expired, another secret with the same prefix, or fewer scopes: effective after a second."""
    assert api.get("/v1/operations").status_code == 200
    ApiKey.objects.update(**change)
    forget_found_keys(monkeypatch)
    if "scopes" in change:
        refused(api.get("/v1/operations"), 403, "forbidden")
    else:
        refused(api.get("/v1/operations"), 401, "unauthenticated")


def test_a_key_expires_on_time(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if it was found a moment before."""
    expires_at = timezone.now() + timedelta(minutes=1)
    ApiKey.objects.update(expires_at=expires_at)
    assert api.get("/v1/operations").status_code == 200
    monkeypatch.setattr(timezone, "now", lambda: expires_at)
    refused(api.get("/v1/operations"), 401, "unauthenticated")


def test_a_key_that_was_just_found_is_not_looked_up_again(
    api: Api, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """A key is looked up once a second. A wrong secret with a known prefix is still refused."""
    assert find_key(str(api.token)) is not None
    with django_assert_num_queries(0):
        assert find_key(str(api.token)) is not None
        assert find_key(str(api.token)[:-1] + "!") is None
    forget_found_keys(monkeypatch)
    with django_assert_num_queries(1):
        assert find_key(str(api.token)) is not None


def test_a_service_cannot_send_as_another_source(api: Api, user: User, nothing_written: None) -> None:
    """Another source in a header or body is refused."""
    response = api.record(top_up(user), **{"ce-source": "/services/training"})
    refused(response, 403, "foreign_source", "ce-source")
    refused(api.record(top_up(user, source="/services/training")), 422, "unknown_field", "source")
    bulk = {"operations": [{"id": "1", **top_up(user)}], "source": "/services/training"}
    refused(api.post("/v1/operations/bulk", bulk), 422, "unknown_field", "source")
    quote = api.post("/v1/operations/quote", top_up(user), headers={"ce-source": "/services/training"})
    refused(quote, 403, "foreign_source", "ce-source")


def test_a_service_may_name_its_own_source(api: Api, user: User) -> None:
    """Naming the key's own source changes nothing."""
    response = api.record(top_up(user), **{"ce-source": SOURCE})
    assert response.json()["source"] == SOURCE


def test_a_users_own_key_writes_nothing(user: User) -> None:
    """Even if it was given other scopes by mistake."""
    own = users_own(user, "ledger:read", "ledger:write", "ledger:admin")
    own.get("/v1/operations")
    before = everything()
    refused(own.record(top_up(user)), 403, "forbidden")
    refused(own.post("/v1/operations/bulk", {"operations": [{"id": "1", **top_up(user)}]}), 403, "forbidden")
    refused(own.post("/v1/operations/quote", top_up(user)), 403, "forbidden")
    assert everything() == before


def test_a_user_sees_only_their_own_balances(user: User) -> None:
    """Another user gets the same answer as a user who does not exist."""
    own, other = users_own(user), fund(make_user(), usd=1)
    assert own.get(f"/v1/users/{user.pk}/balances").status_code == 200
    assert own.get(f"/v1/users/{user.pk}/statement").status_code == 200
    for path in ("balances", "statement"):
        hidden = refused(own.get(f"/v1/users/{other.pk}/{path}"), 404, "not_found")
        missing = refused(own.get(f"/v1/users/{other.pk + 1000}/{path}"), 404, "not_found")
        assert {**hidden, "instance": ""} == {**missing, "instance": ""}


def test_a_user_sees_their_own_operations(api: Api, user: User) -> None:
    """They see what they did and what was done on their machines, in lists and by id."""
    own, other = users_own(user), fund(make_user(), usd=10)
    machine = make_machine(user, copy="5")
    paid = api.record(top_up(user)).json()
    sold = api.record({"type": "machine_copy", "operation_user": other.pk, "machine": machine.pk}).json()
    foreign = api.record(top_up(other)).json()
    shown = own.get("/v1/operations").json()["items"]
    assert [item["id"] for item in shown] == [sold["id"], paid["id"]]
    assert [item["id"] for item in own.get("/v1/operations", user=other.pk).json()["items"]] == [sold["id"]]
    assert own.get(f"/v1/operations/{paid['id']}").status_code == 200
    assert own.get(f"/v1/operations/{sold['id']}").status_code == 200
    refused(own.get(f"/v1/operations/{foreign['id']}"), 404, "not_found")


def test_seller_and_buyer_do_not_see_each_others_balances(api: Api, user: User) -> None:
    """Each sees only the balances of their own accounts."""
    buyer = fund(make_user(), usd=10)
    machine = make_machine(user, copy="5")
    sold = api.record({"type": "machine_copy", "operation_user": buyer.pk, "machine": machine.pk}).json()
    assert set(sold["accounts"]) == {f"user:{user.pk}:usd", f"user:{buyer.pk}:usd"}
    for viewer, balance in ((user, "4.00000000"), (buyer, "5.00000000")):
        answer = users_own(viewer).get(f"/v1/operations/{sold['id']}").json()
        code = f"user:{viewer.pk}:usd"
        assert list(answer["accounts"]) == [code]
        assert answer["accounts"][code]["balance"] == balance
        for entry in answer["entries"]:
            assert (entry["balance_after"] is not None) is (entry["account"] == code)
            assert (entry["version"] is not None) is (entry["account"] == code)
        listed = users_own(viewer).get("/v1/operations").json()["items"]
        assert {code for item in listed for code in item["accounts"]} == {code}


def test_the_owner_does_not_see_a_rejected_buyers_balance(api: Api, user: User) -> None:
    """The owner sees the rejection and its code, but no amounts."""
    buyer = make_user()
    machine = make_machine(user, copy="5")
    purchase = {"type": "machine_copy", "operation_user": buyer.pk, "machine": machine.pk}
    operation = api.record(purchase).json()["operation"]
    path = f"/v1/operations/{operation}"
    rejection = users_own(user).get(path).json()["rejection"]
    assert rejection["code"] == "insufficient_funds"
    assert set(rejection) == {"code", "message"}
    assert "0.0" not in rejection["message"]
    assert users_own(buyer).get(path).json()["rejection"]["available"] == "0.00000000"
    refused(users_own(make_user()).get(path), 404, "not_found")


def test_a_team_member_sees_what_was_done_on_the_teams_machines(api: Api, user: User) -> None:
    """Recorded and rejected operations, without others' balances. An outsider sees nothing."""
    member, outsider, buyer = make_user(), make_user(), fund(make_user(), usd=6)
    team = user.create_team("Team")
    team.add_user_to_team(member)
    machine = make_machine(user, copy="5")
    machine.machine_owner_team = team
    machine.save()
    purchase = {"type": "machine_copy", "operation_user": buyer.pk, "machine": machine.pk}
    sold = api.record(purchase).json()["id"]
    rejected = api.record(purchase).json()["operation"]
    api.record(top_up(user))
    seen = users_own(member)
    assert [item["id"] for item in seen.get("/v1/operations").json()["items"]] == [sold]
    for operation in (sold, rejected):
        assert seen.get(f"/v1/operations/{operation}").json()["accounts"] == {}
        refused(users_own(outsider).get(f"/v1/operations/{operation}"), 404, "not_found")
    refused(seen.get(f"/v1/users/{user.pk}/statement"), 404, "not_found")
    team.remove_user_from_team(member)
    refused(seen.get(f"/v1/operations/{sold}"), 404, "not_found")
    assert seen.get("/v1/operations").json()["items"] == []


def test_an_administrators_own_key_shows_only_their_own_data(api: Api, user: User) -> None:
    """A lost key must not show what staff see when they are signed in."""
    admin = User.objects.create_superuser("admin@example.com", "a long password indeed")
    api.record(top_up(user))
    assert users_own(admin).get("/v1/operations").json()["items"] == []
    refused(users_own(admin).get(f"/v1/users/{user.pk}/balances"), 404, "not_found")


@pytest.mark.parametrize("change", ["inactive", "deleted"])
def test_the_key_of_an_inactive_or_deleted_user_is_refused(user: User, change: str) -> None:
    own = users_own(user)
    if change == "inactive":
        user.is_active = False
        user.save()
    else:
        user.delete()
    refused(own.get("/v1/operations"), 401, "unauthenticated")


def test_a_bill_of_another_user_is_hidden(api: Api, user: User) -> None:
    """Lists and single operations follow the same rule for all kinds."""
    other = fund(make_user(), usd=10)
    hidden = api.record(bill(other, "1")).json()["id"]
    refused(users_own(user).get(f"/v1/operations/{hidden}"), 404, "not_found")
    assert users_own(user).get("/v1/operations", user=other.pk).json()["items"] == []

"""Balances and statements of users."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from events.models import Event
from models import User
from tests import commands as do
from tests.builders import fund, make_machine, make_user, post_one, solving
from tests.builders import top_up as topping_up
from tests.web.api.conftest import Api, bill, refused, top_up
from web.api.shapes import Balances, Statement

ZERO = "0.00000000"


def funds(
    balance: str = ZERO, version: int = 0, held: str = ZERO, available: str | None = None
) -> dict[str, Any]:
    return {"balance": balance, "held": held, "available": available or balance, "version": version}


def lines(api: Api, user: User, limit: int = 3, **query: Any) -> list[dict[str, Any]]:
    """Return the lines from all pages of a statement."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        response = api.get(f"/v1/users/{user.pk}/statement", limit=limit, **query, **cursor)
        assert response.status_code == 200, response.content
        page = response.json()
        Statement.model_validate(page)
        assert page["user"] == user.pk
        found += page["items"]
        if page["next"] is None:
            return found
        assert len(page["items"]) == limit
        cursor = {"cursor": page["next"]}


def short(found: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [(line["account"], line["side"], line["amount"], line["balance_after"]) for line in found]


def test_a_user_without_operations_has_zero_balances(api: Api, user: User) -> None:
    answer = api.get(f"/v1/users/{user.pk}/balances").json()
    Balances.model_validate(answer)
    assert answer == {
        "user": user.pk,
        "version": 0,
        "as_of": {"position": 0, "recorded_at": None},
        **dict.fromkeys(("usd", "eaml", "coupon", "due_usd", "due_eaml"), funds()),
    }


def test_balances_of_a_time_to_come_are_refused(api: Api, user: User) -> None:
    """They would count coupons and holds as expired that are live now."""
    post_one(do.grant(user, 5, expires_at=timezone.now() + timedelta(hours=1)))
    path = f"/v1/users/{user.pk}/balances"
    for as_of in ((timezone.now() + timedelta(days=1)).isoformat(), "9999-12-31T23:59:59Z"):
        refused(api.get(path, as_of=as_of), 400, "as_of_in_the_future", "as_of")
    assert api.get(path, as_of=timezone.now().isoformat()).json()["coupon"]["balance"] == "5.00000000"


def test_balances_are_as_of_the_last_event(api: Api, user: User) -> None:
    """Balances, held amounts and debts have the position of the last event."""
    machine = make_machine(user, columns=1)
    api.record(top_up(user, "10"))
    api.record(bill(user, "4"))
    last = api.record(
        {"type": "training", "operation_user": user.pk, "machine": machine.pk, "count_of_lines": 41_000_000}
    ).json()
    with connection.cursor() as cursor:
        cursor.execute("update ledger_account set held = 1.5 where code = %s", [f"user:{user.pk}:usd"])
    answer = api.get(f"/v1/users/{user.pk}/balances").json()
    Balances.model_validate(answer)
    assert answer == {
        "user": user.pk,
        "version": last["position"],
        "as_of": {"position": last["position"], "recorded_at": last["recorded_at"]},
        "usd": funds("6.00000000", 2, "1.50000000", "4.50000000"),
        "eaml": funds(ZERO, 2),
        "coupon": funds(),
        "due_usd": funds(),
        "due_eaml": funds("10.00000000", 1),
    }


def test_a_rejection_changes_no_balance_and_no_version(api: Api, user: User) -> None:
    """Listeners discard lower versions, so the version grows only with changes."""
    api.record(top_up(user))
    before = api.get(f"/v1/users/{user.pk}/balances").json()
    api.record(bill(user, "100"))
    assert api.get(f"/v1/users/{user.pk}/balances").json() == before


def test_a_statement_shows_every_entry_with_the_balance_after_it(api: Api, user: User) -> None:
    """In the order of recording, for every page size."""
    machine = make_machine(user, columns=1)
    training = {
        "type": "training",
        "operation_user": user.pk,
        "machine": machine.pk,
        "count_of_lines": 1_000_000,
    }
    recorded = [
        api.record(operation).json()
        for operation in (top_up(user, "10"), training, bill(user, "1"), top_up(user, "0.00000001"))
    ]
    expected = [
        ("usd", "credit", "10.00000000", "10.00000000"),
        ("due_eaml", "debit", "10.00000000", "10.00000000"),
        ("usd", "debit", "1.00000000", "9.00000000"),
        ("eaml", "credit", "100.00000000", "100.00000000"),
        ("eaml", "debit", "10.00000000", "90.00000000"),
        ("due_eaml", "credit", "10.00000000", ZERO),
        ("usd", "credit", "0.00000001", "9.00000001"),
    ]
    for limit in (1, 2, 3, 7):
        assert short(lines(api, user, limit)) == expected
    found = lines(api, user, 200)
    assert short(found) == expected
    assert [line["position"] for line in found] == [
        recorded[number]["position"] for number in (0, 1, 2, 2, 2, 2, 3)
    ]
    assert [line["kind"] for line in found[:3]] == ["credit_from_user", "training", "pay_a_bill"]
    assert [line["transfer"] for line in found] == [1, 1, 1, 2, 3, 3, 1]
    assert {line["operation"] for line in found} == {operation["id"] for operation in recorded}


def test_a_statement_can_be_filtered_by_account_and_time(api: Api, user: User) -> None:
    """A range of times includes its start and excludes its end."""
    api.record(top_up(user, "10"))
    middle = api.record(bill(user, "1")).json()["recorded_at"]
    api.record(bill(user, "2"))
    assert [line["balance_after"] for line in lines(api, user, account="usd")] == [
        "10.00000000",
        "9.00000000",
        "7.00000000",
    ]
    assert [line["version"] for line in lines(api, user, account="eaml")] == [1, 2]
    assert lines(api, user, account="due_eaml") == []
    whole = lines(api, user)
    assert lines(api, user, to=middle) == whole[:1]
    assert lines(api, user, **{"from": middle}) == whole[1:]
    assert lines(api, user, **{"from": middle, "account": "usd", "limit": 1}) == [
        line for line in whole[1:] if line["account"] == "usd"
    ]


def test_lines_with_the_same_time_are_neither_lost_nor_repeated(api: Api) -> None:
    """Many entries can have the same time of recording."""
    user = fund(make_user(), eaml=10)
    machine = make_machine(user)
    moment = Event.objects.latest("position").recorded_at + timedelta(seconds=1)
    from ledger.engine.posting import post

    post([solving(machine, user=user, lines=number) for number in range(1, 10)], clock=lambda: moment)
    found = lines(api, user, limit=2)
    assert [line["version"] for line in found] == list(range(1, 11))
    assert len({line["recorded_at"] for line in found}) == 2


def test_a_statement_shows_only_the_users_own_entries(api: Api) -> None:
    """In a sale, each user sees their own side."""
    seller, buyer = make_user(), fund(make_user(), usd=10)
    machine = make_machine(seller, copy="5")
    api.record({"type": "machine_copy", "operation_user": buyer.pk, "machine": machine.pk})
    assert short(lines(api, seller)) == [("usd", "credit", "4.00000000", "4.00000000")]
    assert short(lines(api, buyer))[1:] == [
        ("usd", "debit", "4.00000000", "6.00000000"),
        ("usd", "debit", "1.00000000", "5.00000000"),
    ]


def test_a_deleted_users_statement_stays(api: Api) -> None:
    """The accounts and their entries outlive the user's row."""
    user = make_user()
    number = user.pk
    post_one(topping_up(user, 1))
    fund(user, usd=-1)
    before = lines(api, user)
    assert len(before) == 2
    user.delete()
    user.pk = number
    assert lines(api, user) == before
    assert api.get(f"/v1/users/{number}/balances").json()["usd"] == funds(ZERO, 2)


@pytest.mark.parametrize("path", ["balances", "statement"])
def test_an_unknown_user_is_not_found(api: Api, user: User, path: str) -> None:
    """404 for balances and statement."""
    refused(api.get(f"/v1/users/{user.pk + 1000}/{path}"), 404, "not_found")


@pytest.mark.parametrize("path", ["balances", "statement"])
@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("x", "not_an_integer"),
        ("0", "out_of_range"),
        ("-1", "not_an_integer"),
        ("01", "not_an_integer"),
        ("1%00", "not_an_integer"),
        ("9223372036854775808", "out_of_range"),
    ],
)
def test_an_invalid_user_id_is_refused(api: Api, path: str, number: str, code: str) -> None:
    """422 with the parameter's name."""
    refused(api.get(f"/v1/users/{number}/{path}"), 422, code, "user")


@pytest.mark.parametrize(
    ("name", "value", "status", "code"),
    [
        ("account", "gold", 422, "unknown_value"),
        ("account", "due:usd", 422, "unknown_value"),
        ("from", "now", 422, "invalid_time"),
        ("to", "2026-01-01T00:00:00", 422, "missing_offset"),
        ("limit", "1000", 422, "out_of_range"),
        ("recorded_from", "2026-01-01T00:00:00Z", 400, "unknown_parameter"),
        ("currency", "USD", 400, "unknown_parameter"),
    ],
)
def test_an_invalid_parameter_is_refused(
    api: Api, user: User, name: str, value: str, status: int, code: str
) -> None:
    """An invalid filter never returns the whole statement."""
    refused(api.get(f"/v1/users/{user.pk}/statement", **{name: value}), status, code, name)

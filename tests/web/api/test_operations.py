"""Operations: one with its entries, and pages of recorded ones."""

import json
from datetime import UTC, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from models import User
from tests import commands
from tests.builders import (
    data_source,
    fund,
    make_machine,
    make_user,
    minutes_ago,
    post_one,
    recorded,
    solving,
    training,
)
from tests.builders import top_up as topping_up
from tests.web.api.conftest import Api, bill, refused, service, top_up, users_own
from web.api.shapes import OperationPage, OperationWithEntries


def listed(api: Api, **query: Any) -> list[str]:
    """Return the ids from all pages of two operations each."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        response = api.get("/v1/operations", limit=2, **query, **cursor)
        assert response.status_code == 200, response.content
        page = response.json()
        OperationPage.model_validate(page)
        assert len(page["items"]) <= 2
        found += [item["id"] for item in page["items"]]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


def test_a_recorded_operation_is_shown_with_its_entries(api: Api, user: User) -> None:
    """Both sides of each transfer are shown. Platform accounts have no balance to show."""
    fund(user, usd=10)
    recorded = api.record(bill(user, "3")).json()
    response = api.get(f"/v1/operations/{recorded['id']}")
    assert response.status_code == 200
    answer = response.json()
    OperationWithEntries.model_validate(answer)
    entries = answer.pop("entries")
    assert answer == recorded
    short = [
        (entry["transfer"], entry["account"], entry["side"], entry["amount"], entry["balance_after"])
        for entry in entries
    ]
    assert short == [
        (1, f"user:{user.pk}:usd", "debit", "3.00000000", "7.00000000"),
        (1, "platform:revenue:usd", "credit", "3.00000000", None),
        (2, "treasury:eaml", "debit", "300.00000000", None),
        (2, f"user:{user.pk}:eaml", "credit", "300.00000000", "300.00000000"),
    ]


def test_a_rejected_operation_is_shown_from_the_log(api: Api, user: User) -> None:
    """It has a reason and no entries, and is in no list."""
    problem = api.record(bill(user, "3")).json()
    answer = api.get(f"/v1/operations/{problem['operation']}").json()
    OperationWithEntries.model_validate(answer)
    assert (answer["status"], answer["entries"], answer["effective_at"]) == ("rejected", [], None)
    assert answer["rejection"]["code"] == "insufficient_funds"
    assert listed(api) == []


@pytest.mark.parametrize(
    "path",
    ["0198c9a4-7b1e-7c3a-9f57-0a2f4d6b8c11", "1", "../users", "%00", "0198C9A4-7B1E-7C3A-9F57-0A2F4D6B8C10"],
)
def test_an_unknown_or_invalid_id_is_not_found(api: Api, path: str) -> None:
    """Both get 404."""
    refused(api.get(f"/v1/operations/{path}"), 404, "not_found")


def test_an_event_that_is_not_an_operation_is_not_found(api: Api) -> None:
    """The events of tariffs have ids too."""
    with connection.cursor() as cursor:
        cursor.execute("select id from events_event where type = 'tariff.published'")
        (event,) = cursor.fetchone()
    refused(api.get(f"/v1/operations/{event}"), 404, "not_found")


def test_pages_show_every_operation_once_newest_first(api: Api, user: User) -> None:
    """Also if operations are recorded between two pages."""
    made = [api.record(top_up(user)).json()["id"] for _ in range(5)]
    assert listed(api) == made[::-1]
    page = api.get("/v1/operations", limit=2).json()
    api.record(top_up(user))
    rest = api.get("/v1/operations", limit=200, cursor=page["next"]).json()
    assert [item["id"] for item in rest["items"]] == made[2::-1]
    assert rest["next"] is None


def test_a_full_last_page_is_the_last(api: Api, user: User) -> None:
    """There is no cursor to an empty page."""
    for _ in range(4):
        api.record(top_up(user))
    page = api.get("/v1/operations", limit=4).json()
    assert (len(page["items"]), page["next"]) == (4, None)


def test_operations_are_found_by_user_machine_kind_and_time(api: Api) -> None:
    """Each filter alone and all together. A range includes its start and excludes its end."""
    owner, other = fund(make_user(), eaml=10), fund(make_user(), eaml=10)
    first, second = make_machine(owner), make_machine(other)
    with connection.cursor() as cursor:
        cursor.execute("select coalesce(max(position), 0) from models_operation")
        funded = cursor.fetchone()[0]
    times = [minutes_ago(minutes).replace(microsecond=0) for minutes in (50, 40, 30, 20)]
    submissions = [
        training(first, user=other, at=times[0]),
        solving(first, user=owner, at=times[1]),
        solving(second, user=owner, at=times[2]),
        topping_up(other, 1, at=times[3]),
    ]
    events = [post_one(submission).event for submission in submissions]
    ids = [event.id for event in events if event is not None]

    def found(**query: Any) -> list[int]:
        return sorted(ids.index(one) for one in listed(api, **query) if one in ids)

    assert found() == [0, 1, 2, 3]
    assert found(user=owner.pk) == [0, 1, 2]
    assert found(user=other.pk) == [0, 2, 3]
    assert found(user=999_999) == []
    assert found(machine=first.pk) == [0, 1]
    assert found(kind="solving") == [1, 2]
    assert found(occurred_from=times[1].isoformat()) == [1, 2, 3]
    assert found(occurred_to=times[1].isoformat()) == [0]
    assert found(occurred_from=times[1].isoformat(), occurred_to=times[3].isoformat()) == [1, 2]
    last = max(event.recorded_at for event in events if event is not None)
    assert found(recorded_from=last.isoformat()) == [3]
    assert found(recorded_to=last.isoformat()) == [0, 1, 2]
    assert found(user=owner.pk, machine=second.pk, kind="solving", occurred_to=times[3].isoformat()) == [2]
    assert funded > 0


def test_a_time_may_have_an_offset_with_a_plus(api: Api, user: User) -> None:
    """Also if a client does not escape it, so that it arrives as a space."""
    api.record(top_up(user))
    east = (timezone.now() - timedelta(hours=1)).astimezone(UTC).isoformat()
    assert "+00:00" in east
    assert len(listed(api, recorded_from=east)) == 1
    raw = api.client.get(
        f"/v1/operations?recorded_from={east}", headers={"Authorization": f"Bearer {api.token}"}
    )
    assert raw.status_code == 200


@pytest.mark.parametrize(
    ("name", "value", "status", "code"),
    [
        ("user", "x", 422, "not_an_integer"),
        ("user", "0", 422, "out_of_range"),
        ("user", "-1", 422, "not_an_integer"),
        ("user", "1.0", 422, "not_an_integer"),
        ("user", " 1", 422, "not_an_integer"),
        ("user", "1_0", 422, "not_an_integer"),
        ("user", "٣", 422, "not_an_integer"),
        ("user", "1\x00", 422, "not_an_integer"),
        ("user", "9223372036854775808", 422, "out_of_range"),
        ("user", "9" * 5000, 422, "not_an_integer"),
        ("user", "", 422, "not_an_integer"),
        ("machine", "null", 422, "not_an_integer"),
        ("kind", "gift", 422, "unknown_value"),
        ("kind", "\x00", 422, "unknown_value"),
        ("limit", "0", 422, "out_of_range"),
        ("limit", "201", 422, "out_of_range"),
        ("occurred_from", "2026-01-01", 422, "invalid_time"),
        ("occurred_from", "2026-01-01T00:00:00", 422, "missing_offset"),
        ("recorded_to", "0001-01-01T00:00:00+14:00", 422, "invalid_time"),
        ("recorded_to", "1", 422, "invalid_time"),
        ("cursor", "x" * 501, 422, "text_too_long"),
        ("usr", "1", 400, "unknown_parameter"),
        ("us\x00r", "1", 400, "unknown_parameter"),
    ],
)
def test_an_invalid_filter_is_refused(api: Api, name: str, value: str, status: int, code: str) -> None:
    """A misspelt or malformed filter never shows more than was asked for."""
    field = name if name.isprintable() else "us\\x00r"
    refused(api.get("/v1/operations", **{name: value}), status, code, field)


def test_a_repeated_filter_is_refused(api: Api) -> None:
    refused(api.get("/v1/operations", user=[1, 2]), 400, "unknown_parameter", "user")


def test_a_cursor_shows_each_caller_only_what_they_may_see(api: Api, user: User) -> None:
    """A cursor is a place in the list, not a permission: every reader can use it."""
    made = [api.record(top_up(user)).json()["id"] for _ in range(3)]
    cursor = api.get("/v1/operations", limit=1).json()["next"]
    other = service("ledger:read", source="/services/other")
    assert [item["id"] for item in other.get("/v1/operations", cursor=cursor).json()["items"]] == made[1::-1]


def test_a_deleted_users_operations_stay_in_the_list(api: Api) -> None:
    """References to the user become null; the decisions do not change."""
    user = fund(make_user(), usd=1)
    api.record(bill(user, "1"))
    fund(user, eaml=-100)
    before = api.get("/v1/operations").json()
    assert len(before["items"]) == 3
    user.delete()
    assert api.get("/v1/operations").json() == before


def test_users_see_the_transfers_of_their_own_accounts_only(db: None) -> None:
    """The seller's debt is paid from the sale: the buyer sees neither the debt nor any account of others."""
    seller, buyer = make_user(), fund(make_user(), usd=10)
    assert post_one(commands.adjust(seller, "due:usd", 10)).status == "recorded"
    machine = make_machine(seller, data_source="3")
    event = recorded(data_source(machine, user=buyer))
    own, platform = f"user:{buyer.pk}:usd", "platform"
    shown = users_own(buyer).get(f"/v1/operations/{event.id}").json()
    pairs = [(each["debit"], each["credit"], each["amount"]) for each in shown["transfers"]]
    assert pairs == [(own, f"user:{seller.pk}", "2.40000000"), (own, platform, "0.60000000")]
    assert [each["account"] for each in shown["entries"]] == [own, f"user:{seller.pk}", own, platform]
    assert all(code.startswith(f"user:{buyer.pk}:") for code in shown["accounts"])
    assert "due" not in json.dumps(shown["transfers"] + shown["entries"])
    items = users_own(buyer).get("/v1/operations").json()["items"]
    assert [item["transfers"] for item in items if item["id"] == event.id] == [shown["transfers"]]
    mine = users_own(seller).get(f"/v1/operations/{event.id}").json()["transfers"]
    assert [(each["debit"], each["credit"]) for each in mine] == [
        (f"user:{buyer.pk}", f"user:{seller.pk}:usd"),
        (f"user:{seller.pk}:usd", f"user:{seller.pk}:due:usd"),
    ]
    everything = service().get(f"/v1/operations/{event.id}").json()
    assert len(everything["transfers"]) == 3
    assert everything["transfers"][1]["credit"] == "platform:revenue:commission:usd"


def test_the_reversal_of_a_sale_shows_each_user_their_own_side(db: None) -> None:
    """What the seller owes after it is not the buyer's business."""
    seller, buyer = make_user(), fund(make_user(), usd=10)
    sale = recorded(data_source(make_machine(seller, data_source="3"), user=buyer))
    event = recorded(commands.reverse(sale.id))
    shown = users_own(buyer).get(f"/v1/operations/{event.id}").json()
    own = f"user:{buyer.pk}:usd"
    assert {code for each in shown["transfers"] for code in (each["debit"], each["credit"])} == {
        own,
        f"user:{seller.pk}",
        "platform",
    }

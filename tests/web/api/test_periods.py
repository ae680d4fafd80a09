"""Periods over HTTP: lists, totals and balances, and the time at which an operation counts."""

from datetime import datetime

import pytest

from easyautoml_ledger.times import time_text
from models import User
from tests import builders as make
from tests.builders import recorded
from tests.months import BEFORE, LAST, THIS, change, close, in_month
from tests.projections.world import settle
from tests.web.api.conftest import Api, refused, service, top_up, users_own


@pytest.fixture
def finance(db: None) -> Api:
    return service("ledger:read", "ledger:write", "ledger:admin")


def test_periods_are_listed_newest_first(finance: Api) -> None:
    """`closed_until` is the end of the last closed period."""
    assert finance.get("/v1/periods").json() == {"closed_until": None, "items": []}
    close(BEFORE)
    event = close(LAST)
    found = finance.get("/v1/periods").json()
    assert found["closed_until"] == time_text(THIS.starts_at)
    assert [(each["period"], each["state"]) for each in found["items"]] == [
        (str(LAST), "closed"),
        (str(BEFORE), "closed"),
    ]
    assert found["items"][0] == {
        "period": str(LAST),
        "state": "closed",
        "version": 1,
        "starts_at": time_text(LAST.starts_at),
        "ends_at": time_text(LAST.ends_at),
        "changed_at": time_text(event.recorded_at),
        "event": event.id,
        "settled": 0,
        "proposer": "anna",
        "resolver": "bert",
    }
    change("reopen", LAST)
    found = finance.get("/v1/periods").json()
    assert found["closed_until"] == time_text(LAST.starts_at)
    assert [each["state"] for each in found["items"]] == ["open", "closed"]


def test_period_is_shown_with_its_totals(finance: Api, user: User) -> None:
    """Each platform account, and users' accounts by kind. A reopened period has none."""
    for payer in (user, make.make_user()):
        recorded(make.top_up(payer, 70, at=in_month(LAST)))
    settle()
    close(LAST)
    totals = finance.get(f"/v1/periods/{LAST}").json()["totals"]
    assert totals == [
        {
            "account": "clearing:payments:usd",
            "currency": "USD",
            "debits": "140.00000000",
            "credits": "0.00000000",
        },
        {"account": "user:usd", "currency": "USD", "debits": "0.00000000", "credits": "140.00000000"},
    ]
    change("reopen", LAST)
    found = finance.get(f"/v1/periods/{LAST}").json()
    assert (found["state"], found["version"], found["totals"]) == ("open", 2, [])


def test_frozen_balances_are_listed_in_pages(finance: Api, user: User) -> None:
    """Every account is listed once, by id."""
    users = [user, make.make_user(), make.make_user()]
    for n, payer in enumerate(users, 1):
        recorded(make.top_up(payer, n, at=in_month(LAST)))
    close(LAST)
    path, found, cursor = f"/v1/periods/{LAST}/balances", [], None
    for _ in range(2):
        page = finance.get(path, limit=2, **({} if cursor is None else {"cursor": cursor})).json()
        found += page["items"]
        cursor = page["next"]
    assert cursor is None
    assert [(each["account"], each["balance"]) for each in found] == [
        ("clearing:payments:usd", "6.00000000"),
        *((f"user:{payer.pk}:usd", f"{n}.00000000") for n, payer in enumerate(users, 1)),
    ]
    assert found[1] == {
        "account": f"user:{user.pk}:usd",
        "currency": "USD",
        "debits": "0.00000000",
        "credits": "1.00000000",
        "balance": "1.00000000",
    }
    page = finance.get(path, limit=2).json()
    refused(finance.get(path, cursor=page["next"] + "x"), 400, "invalid_cursor", "cursor")


@pytest.mark.parametrize("path", ["", "/balances"])
def test_month_that_was_never_closed_is_not_found(finance: Api, path: str) -> None:
    """A month that cannot exist is refused with 422."""
    refused(finance.get(f"/v1/periods/{LAST}{path}"), 404, "not_found")
    assert finance.get(f"/v1/periods/2026-13{path}").status_code == 422


def test_periods_are_for_administrators_only(api: Api, user: User) -> None:
    """Services that record and users get 403."""
    close(LAST)
    for path in ("", f"/{LAST}", f"/{LAST}/balances", "/proposals"):
        refused(api.get(f"/v1/periods{path}"), 403, "forbidden")
        refused(users_own(user).get(f"/v1/periods{path}"), 403, "forbidden")


def test_late_operation_shows_when_it_counts(finance: Api, user: User) -> None:
    """In the answer, when fetched, in lists and in the statement. `occurred_at` does not change."""
    close(LAST)
    occurred_at = time_text(in_month(LAST))
    answer = finance.record(top_up(user, occurred_at=occurred_at))
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["occurred_at"], made["effective_at"]) == (
        occurred_at,
        made["recorded_at"],
    )
    fetched = finance.get(f"/v1/operations/{made['id']}").json()
    (listed,) = finance.get("/v1/operations").json()["items"]
    (line,) = finance.get(f"/v1/users/{user.pk}/statement").json()["items"]
    for shown in (fetched, listed, line):
        assert (shown["occurred_at"], shown["effective_at"]) == (
            occurred_at,
            made["recorded_at"],
        )
    assert datetime.fromisoformat(made["effective_at"]) >= THIS.starts_at

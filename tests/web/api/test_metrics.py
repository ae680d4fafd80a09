"""Metrics for Prometheus: requests by route and status, and their duration."""

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from django.test import Client

from models import User
from tests.web.api.conftest import Api, top_up
from web.api import metrics


@pytest.fixture(autouse=True)
def _made_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_KEPT_SECONDS", 0)


def counted(name: str, **labels: str) -> float:
    """Return the value under these labels, 0 if there is none."""
    response = Client().get("/metrics")
    assert response.status_code == 200
    wanted = ",".join(f'{label}="{value}"' for label, value in labels.items())
    found = re.search(rf"^{re.escape(f'{name}{{{wanted}}}')} (\S+)$", response.content.decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_requests_are_counted_by_route_method_and_status(api: Api, user: User) -> None:
    """The label is the template of the route, the same for every user."""
    balances = {"method": "GET", "route": "/v1/users/<user>/balances"}
    found, missing = (counted("ledger_http_requests_total", **balances, status=s) for s in ("200", "404"))
    timed = counted("ledger_http_request_seconds_count", **balances)
    api.get(f"/v1/users/{user.pk}/balances")
    api.get(f"/v1/users/{user.pk + 1000}/balances")
    assert counted("ledger_http_requests_total", **balances, status="200") == found + 1
    assert counted("ledger_http_requests_total", **balances, status="404") == missing + 1
    assert counted("ledger_http_request_seconds_count", **balances) == timed + 2


def test_made_up_paths_and_methods_do_not_become_labels(db: None) -> None:
    """The number of series is bounded."""
    before = counted("ledger_http_requests_total", method="other", route="none", status="404")
    Client().generic("MAKEBELIEVE", "/nothing/of/mine")
    assert counted("ledger_http_requests_total", method="other", route="none", status="404") == before + 1
    assert b"nothing/of/mine" not in Client().get("/metrics").content


def test_a_recorded_operation_is_counted(api: Api, user: User) -> None:
    """201 and the replay's 200 are counted separately."""
    route = {"method": "POST", "route": "/v1/operations"}
    created, replayed = (counted("ledger_http_requests_total", **route, status=s) for s in ("201", "200"))
    paid = top_up(user)
    api.record(paid, key="counted")
    api.record(paid, key="counted")
    assert counted("ledger_http_requests_total", **route, status="201") == created + 1
    assert counted("ledger_http_requests_total", **route, status="200") == replayed + 1


def test_metrics_are_made_once_however_often_they_are_asked_for(
    db: None, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    """They need no key, and cost queries."""
    monkeypatch.setattr(metrics, "_KEPT_SECONDS", 60)
    monkeypatch.setattr(metrics, "_scrape", metrics.Scrape())
    first = Client().get("/metrics").content
    with django_assert_num_queries(0):
        assert Client().get("/metrics").content == first


def test_metrics_that_are_being_made_keep_no_thread_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ones before are returned meanwhile, so a slow database does not use up the server's threads."""
    monkeypatch.setattr(metrics, "_make", lambda: b"old")
    scrape = metrics.Scrape()
    assert scrape.read() == b"old"
    entered, released = Event(), Event()

    def make_slowly() -> bytes:
        entered.set()
        assert released.wait(60)
        return b"new"

    monkeypatch.setattr(metrics, "_make", make_slowly)
    with ThreadPoolExecutor(1) as pool:
        making = pool.submit(scrape.read)
        assert entered.wait(60)
        assert scrape.read() == b"old"
        released.set()
        assert making.result() == b"new"


def test_browsers_get_no_icon_and_no_error() -> None:
    """They ask every site for one. The answer is remembered for a day."""
    response = Client().get("/favicon.ico")
    assert (response.status_code, response.content) == (204, b"")
    assert response["Cache-Control"] == "max-age=86400, public"

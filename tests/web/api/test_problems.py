"""Every error under /v1/ has one form, whoever makes it."""

from typing import Any

import pytest
from django.db import InterfaceError, OperationalError

from ledger.domain.errors import Busy
from models import User
from tests.web.api.conftest import Api, Response, everything, refused, top_up
from web.api import answering, operations


@pytest.mark.parametrize(
    "path", ["/v1/", "/v1/nothing", "/v1/operations/", "/v1/users/1", "/v1/%00", "/v1/ä"]
)
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_unknown_route_is_a_problem(api: Api, method: str, path: str) -> None:
    """404 also where Django alone would answer with a page."""
    refused(getattr(api.client, method)(path), 404, "not_found")


@pytest.mark.parametrize("method", ["put", "patch", "delete", "head", "options", "trace"])
@pytest.mark.parametrize("path", ["/v1/operations", "/v1/operations/bulk", "/v1/users/1/balances"])
def test_a_method_that_a_route_does_not_take_is_a_problem(api: Api, method: str, path: str) -> None:
    """405 naming what it takes."""
    response: Response = getattr(api.client, method)(path)
    assert response.status_code == 405
    assert response.headers["Allow"]
    if method != "head":
        refused(response, 405, "method_not_allowed")


def test_a_host_that_is_not_served_is_a_problem(api: Api) -> None:
    """What Django refuses before any route."""
    response = api.client.get("/v1/operations", headers={"Host": "elsewhere.example"})
    refused(response, 400, "bad_request")


def test_errors_outside_of_the_api_are_left_as_they_are(db: None) -> None:
    """The admin's pages are for people."""
    response = Api(None).client.get("/nothing")
    assert response.status_code == 404
    assert response.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("error", "status", "code", "retryable"),
    [
        (OperationalError("the server closed the connection"), 503, "unavailable", True),
        (InterfaceError("connection already closed"), 503, "unavailable", True),
        (Busy("lost a race"), 503, "busy", True),
        (ZeroDivisionError("a mistake of ours"), 500, "internal_error", False),
    ],
)
@pytest.mark.parametrize("route", ["/v1/operations", "/v1/operations/bulk", "/v1/operations/quote"])
def test_a_failure_is_a_problem_that_tells_nothing_of_the_inside(
    api: Api,
    user: User,
    monkeypatch: pytest.MonkeyPatch,
    route: str,
    error: Exception,
    status: int,
    code: str,
    retryable: bool,
) -> None:
    """503 where a retry may help, 500 where it is our mistake; nothing was written."""

    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(answering, "_post", fail)
    monkeypatch.setattr(answering, "quote", fail)
    monkeypatch.setattr(operations, "post_each", fail)
    api.get("/v1/operations")
    before = everything()
    body = {"operations": [{"id": "1", **top_up(user)}]} if route.endswith("bulk") else top_up(user)
    response = api.post(route, body, headers={"Idempotency-Key": "key"})
    problem = refused(response, status, code)
    assert problem["retryable"] is retryable
    assert ("Retry-After" in response.headers) is retryable
    assert "mistake of ours" not in response.content.decode()
    assert everything() == before


def test_a_failure_of_reading_is_a_problem_too(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for routes that only show."""

    def fail(*_: Any, **__: Any) -> Any:
        raise OperationalError

    monkeypatch.setattr("ledger.queries.operations.page", fail)
    refused(api.get("/v1/operations"), 503, "unavailable")


def test_answers_are_kept_by_no_cache(api: Api, user: User) -> None:
    """Balances and problems change."""
    for path in (f"/v1/users/{user.pk}/balances", "/v1/users/999999/balances", "/v1/operations"):
        assert api.get(path).headers["Cache-Control"] == "no-store"

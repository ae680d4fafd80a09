"""Every error under /v1/ is a problem document, also those of Django."""

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
    """404, also where Django would answer with a page."""
    refused(getattr(api.client, method)(path), 404, "not_found")


@pytest.mark.parametrize("method", ["put", "patch", "delete", "head", "options", "trace"])
@pytest.mark.parametrize("path", ["/v1/operations", "/v1/operations/bulk", "/v1/users/1/balances"])
def test_an_unsupported_method_is_a_problem(api: Api, method: str, path: str) -> None:
    """405 with the supported methods in `Allow`."""
    response: Response = getattr(api.client, method)(path)
    assert response.status_code == 405
    assert response.headers["Allow"]
    if method != "head":
        refused(response, 405, "method_not_allowed")


def test_an_unknown_host_is_a_problem(api: Api) -> None:
    """Django refuses it before any route."""
    response = api.client.get("/v1/operations", headers={"Host": "elsewhere.example"})
    refused(response, 400, "bad_request")


def test_errors_outside_of_the_api_are_unchanged(db: None) -> None:
    """The administration answers with pages for people."""
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
def test_a_failure_is_a_problem_without_internal_details(
    api: Api,
    user: User,
    monkeypatch: pytest.MonkeyPatch,
    route: str,
    error: Exception,
    status: int,
    code: str,
    retryable: bool,
) -> None:
    """503 if a retry may help, 500 for an internal error; nothing is written."""

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


def test_a_failure_of_a_read_is_a_problem(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:

    def fail(*_: Any, **__: Any) -> Any:
        raise OperationalError

    monkeypatch.setattr("ledger.queries.operations.page", fail)
    refused(api.get("/v1/operations"), 503, "unavailable")


def test_answers_must_not_be_cached(api: Api, user: User) -> None:
    """Balances, lists and problems can change."""
    for path in (f"/v1/users/{user.pk}/balances", "/v1/users/999999/balances", "/v1/operations"):
        assert api.get(path).headers["Cache-Control"] == "no-store"

"""An API client for tests, its keys, and a count of everything that is stored."""

import json
from collections.abc import Iterator, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from ledger.keys import create_key
from models import User
from tests.builders import make_user

if TYPE_CHECKING:
    # The stubs' name for the response of a test client, which has more methods than other responses.
    from django.test.client import _MonkeyPatchedWSGIResponse

    Response: TypeAlias = _MonkeyPatchedWSGIResponse
else:
    Response = HttpResponse

SOURCE = "/services/marketplace"
ALL_SCOPES = ("ledger:read", "ledger:write")

_keys = count(1)


class Api:
    """A caller of the API. Bodies are JSON values, or bytes that are sent unchanged."""

    def __init__(self, token: str | None) -> None:
        self.token = token
        self.client = Client(raise_request_exception=False)

    def get(self, path: str, **query: Any) -> Response:
        return self.client.get(path, query, headers=self._headers({}))

    def post(
        self,
        path: str,
        body: Any,
        *,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(path, raw, content_type=content_type, headers=self._headers(headers or {}))

    def record(self, operation: Any, *, key: str | None = None, **headers: str) -> Response:
        """Record an operation, under a new idempotency key unless one is given."""
        sent = {"Idempotency-Key": key or f"key-{next(_keys)}", **headers}
        return self.post("/v1/operations", operation, headers=sent)

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        mine = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        return {**mine, **headers}


@pytest.fixture
def api(db: None) -> Api:
    """Return a service that may read and write."""
    return service()


@pytest.fixture
def user(db: None) -> User:
    return make_user()


@pytest.fixture
def nothing_written(api: Api) -> Iterator[None]:
    """Fail if the test changed any table."""
    api.get("/v1/operations")  # updates the last use of the API key, which happens once a minute
    before = everything()
    yield
    assert everything() == before


def service(*scopes: str, source: str = SOURCE) -> Api:
    """Return a caller with a service's key; without `scopes` it may read and write."""
    return Api(create_key(name="service", scopes=scopes or ALL_SCOPES, source=source))


def users_own(user: User, *scopes: str) -> Api:
    """Return a caller with a user's own key."""
    return Api(create_key(name="own", scopes=scopes or ("ledger:read",), user_id=user.pk))


def approver(*, is_super_admin: bool = False) -> Api:
    """Return a person who may approve, with a key of their own."""
    person = User.objects.create_superuser(f"{uuid4().hex}@example.com", "secret")
    User.objects.filter(pk=person.pk).update(is_super_admin=is_super_admin)
    return users_own(person, "ledger:approve")


def everything() -> dict[str, Any]:
    """Return the row count of every table, and hashes of the accounts, users and API keys."""
    found: dict[str, Any] = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'select count(*) from "{table}"')
            found[table] = cursor.fetchone()[0]
        for table in ("ledger_account", "models_user", "ledger_api_key"):
            cursor.execute(f"select md5(coalesce(string_agg(t::text, '|' order by t.id), '')) from {table} t")
            found[f"content of {table}"] = cursor.fetchone()[0]
    return found


def top_up(user: User | int, usd: str = "10", **more: Any) -> dict[str, Any]:
    """Return a payment to send, under a new payment reference."""
    number = user if isinstance(user, int) else user.pk
    return {
        "type": "credit_from_user",
        "operation_user": number,
        "amount": usd,
        "payment_reference": f"pi_{next(_keys)}",
        **more,
    }


def bill(user: User | int, usd: str = "3", **more: Any) -> dict[str, Any]:
    """Return a `pay_a_bill` operation to send, which turns USD into tokens."""
    number = user if isinstance(user, int) else user.pk
    return {"type": "pay_a_bill", "operation_user": number, "amount": usd, **more}


def refused(response: Response, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    """Return the problem of a response, which must have this status, code and field."""
    assert response.headers["Content-Type"] == "application/problem+json", response.content
    problem: dict[str, Any] = json.loads(response.content)
    assert (response.status_code, problem["code"], problem.get("field")) == (status, code, field), problem
    assert problem["status"] == status
    assert problem["type"].endswith("/" + code)
    assert problem["title"]
    assert problem["detail"]
    return problem

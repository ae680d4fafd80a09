"""Query parameters, headers and keys that a request must not have: the same for every route."""

import re
from typing import Any
from uuid import uuid4

import pytest

from tests.web.api.conftest import Api, approver, bill, refused, service
from web.api.v1 import api as v1

SCOPES = ("ledger:read", "ledger:write", "ledger:admin")
_VALUES = {"period": "2026-01", "code": "WELCOME", "name": "usd"}


def _routes() -> list[tuple[str, str]]:
    document: dict[str, Any] = v1.get_openapi_schema(path_prefix="v1/")
    return [(method, path) for path, operations in document["paths"].items() for method in sorted(operations)]


def _filled(path: str) -> str:
    """Return a path with a well-formed value for each of its parameters."""

    def value(found: re.Match[str]) -> str:
        name = found[1]
        is_uuid = name in {"operation", "hold", "payout", "proposal"}
        return str(uuid4()) if is_uuid else _VALUES.get(name, "1")

    return re.sub(r"\{(\w+)\}", value, path)


@pytest.mark.parametrize(("method", "path"), _routes())
def test_no_route_ignores_a_parameter_that_it_does_not_know(db: None, method: str, path: str) -> None:
    """Ignoring `dry_run` would move money, ignoring a filter would show too much."""
    caller = approver() if path.endswith("/approve") else service(*SCOPES)
    url = f"/{_filled(path).lstrip('/')}?nonsense=1"
    answer = caller.get(url) if method == "get" else caller.post(url, {})
    refused(answer, 400, "unknown_parameter", "nonsense")


def test_a_dry_run_where_there_is_none_moves_no_money(api: Api) -> None:
    body = bill(43)
    refused(api.post("/v1/operations?dry_run=true", body), 400, "unknown_parameter", "dry_run")
    bulk = {"operations": [{"id": "one", **body}]}
    refused(api.post("/v1/operations/bulk?dry_run=true", bulk), 400, "unknown_parameter", "dry_run")


def test_a_parameter_is_sent_once(api: Api) -> None:
    refused(api.get("/v1/operations?limit=1&limit=2"), 400, "unknown_parameter", "limit")


def test_a_key_with_a_comma_is_quoted(api: Api) -> None:
    """Without quotes it could be two headers that were joined on the way."""
    refused(api.record(bill(43), key="b-1,b-1"), 400, "invalid_idempotency_key", "Idempotency-Key")
    assert api.record(bill(43), key='"b-1,b-1"').json()["code"] == "undecided"

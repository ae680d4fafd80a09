"""The OpenAPI document is committed and complete, and the server conforms to it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from ledger.models import ApiKey
from tests.web.api.conftest import Api, service

COMMITTED = Path(__file__).parents[3] / "docs" / "openapi.json"

document = schemathesis.openapi.from_wsgi("/v1/openapi.json", get_wsgi_application())
# Thousands of requests with all bounds of all fields run in the nightly profile only.
NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
document.config.phases.coverage.enabled = NIGHTLY


def test_the_committed_document_is_the_served_one(db: None) -> None:
    """If it differs: `manage.py openapi > docs/openapi.json`, and look at the difference."""
    served = Api(None).get("/v1/openapi.json")
    assert served.status_code == 200
    assert json.loads(COMMITTED.read_text()) == served.json()


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from _parts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _parts(member)


def test_every_reference_of_the_document_resolves() -> None:
    """Every schema is valid JSON Schema."""
    found = json.loads(COMMITTED.read_text())
    schemas = found["components"]["schemas"]
    known = {part["$ref"] for part in _parts(found) if isinstance(part.get("$ref"), str)}
    assert known
    assert {reference.removeprefix("#/components/schemas/") for reference in known} <= set(schemas)
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)


def test_every_refusal_is_documented_as_a_problem() -> None:
    """The media type is `application/problem+json`."""
    for path in json.loads(COMMITTED.read_text())["paths"].values():
        for operation in path.values():
            statuses = set(operation["responses"])
            assert {"401", "403", "500", "503"} <= statuses
            for status in statuses:
                content = operation["responses"][status]["content"]
                expected = "application/problem+json" if status >= "400" else "application/json"
                assert list(content) == [expected], (operation["operationId"], status)


@pytest.fixture
def token(db: None) -> Iterator[str]:
    """Return a key with all scopes. Connections stay open after a request, to keep the test's transaction."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield service(*(each for each in ApiKey.Scope.values if each != ApiKey.Scope.APPROVE)).token or ""
    for signal in signals:
        signal.connect(close_old_connections)


@document.parametrize()
@settings(
    max_examples=100 if NIGHTLY else 15,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_the_server_conforms_to_its_document(token: str, case: schemathesis.Case[Any]) -> None:
    """Every request gets an answer that the document describes, and never a server error.

    The tables of bad input test what must be refused: an amount sent as a whole number is accepted although
    the document says string, and a bulk request answers for each of its items.
    """
    case.call_and_validate(
        headers={"Authorization": f"Bearer {token}"},
        checks=[
            not_a_server_error,
            content_type_conformance,
            response_headers_conformance,
            response_schema_conformance,
            status_code_conformance,
            unsupported_method,
        ],
    )

"""The OpenAPI and AsyncAPI documents are public, and made once per process."""

from pathlib import Path

import pytest
from django.test import Client

from web.api.v1 import LedgerAPI

DOCS = Path(__file__).parents[3] / "docs"
PATHS = ("/v1/openapi.json", "/v1/asyncapi.json")


def test_the_served_asyncapi_document_is_the_committed_one() -> None:
    """Byte for byte, without a key and without a database."""
    served = Client().get("/v1/asyncapi.json")
    assert (served.status_code, served.headers["Content-Type"]) == (200, "application/json")
    assert served.content == (DOCS / "asyncapi.json").read_bytes()


def test_the_openapi_document_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a second of processor time, and anyone may ask for it: only the first request pays."""
    first = Client().get("/v1/openapi.json")
    monkeypatch.delattr(LedgerAPI, "get_openapi_schema")
    monkeypatch.setattr("ninja.NinjaAPI.get_openapi_schema", None)
    second = Client().get("/v1/openapi.json")
    assert (second.status_code, second.content) == (200, first.content)


@pytest.mark.parametrize("path", PATHS)
def test_a_document_that_has_not_changed_is_not_sent_again(path: str) -> None:
    """304 without a body if the request names the entity tag of the answer before."""
    first = Client().get(path)
    second = Client().get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (second.status_code, second.content) == (304, b"")
    third = Client().get(path, headers={"If-None-Match": '"another"'})
    assert (third.status_code, third.headers["ETag"]) == (200, first.headers["ETag"])


@pytest.mark.parametrize("path", PATHS)
def test_a_document_cannot_be_posted_to(path: str) -> None:
    assert Client().post(path).status_code == 405

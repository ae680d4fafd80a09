"""The AsyncAPI document is public."""

from pathlib import Path

from django.test import Client

COMMITTED = Path(__file__).parents[3] / "docs" / "asyncapi.json"


def test_the_served_document_is_the_committed_one() -> None:
    """Byte for byte, without a key and without a database."""
    served = Client().get("/v1/asyncapi.json")
    assert (served.status_code, served.headers["Content-Type"]) == (200, "application/json")
    assert served.content == COMMITTED.read_bytes()


def test_the_document_cannot_be_posted_to() -> None:
    assert Client().post("/v1/asyncapi.json").status_code == 405

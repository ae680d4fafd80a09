"""The AsyncAPI document conforms to the official schema, and its references are complete."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from easyautoml_ledger import asyncapi, fixtures
from easyautoml_ledger.payloads import ADAPTERS
from easyautoml_ledger.schemas import short_name
from easyautoml_ledger.topics import TOPICS
from events.kafka import dead_letter_feed

OFFICIAL = Path(__file__).parent / "vendor" / "asyncapi-3.0.0.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return asyncapi.document()


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolved(document: Any, reference: str) -> Any:
    assert reference.startswith("#/"), reference
    for step in reference[2:].split("/"):
        document = document[step]
    return document


def test_it_conforms_to_the_official_schema(document: dict[str, Any]) -> None:
    """The schema is the AsyncAPI project's own."""
    official = json.loads(OFFICIAL.read_text(encoding="utf-8"))
    assert [error.message for error in Draft7Validator(official).iter_errors(document)] == []


def test_every_reference_can_be_resolved(document: dict[str, Any]) -> None:
    """The official schema does not check this."""
    found = list(references(document))
    assert len(found) > 50
    for reference in found:
        assert resolved(document, reference)


def test_no_component_is_unused(document: dict[str, Any]) -> None:
    """Every message, schema and trait is referred to."""
    found = set(references(document))
    for section in ("messages", "schemas", "messageTraits"):
        for name in document["components"][section]:
            assert f"#/components/{section}/{name}" in found


def test_every_topic_and_type_is_in_it(document: dict[str, Any]) -> None:
    """The direction is the ledger's; dead letters are messages of any type."""
    assert set(document["channels"]) == set(TOPICS)
    messages = {short_name(event_type) for event_type in ADAPTERS} | {"dead-letter"}
    assert set(document["components"]["messages"]) == messages
    for operation in document["operations"].values():
        topic = TOPICS[resolved(document, operation["channel"]["$ref"])["address"]]
        assert operation["action"] == ("receive" if topic.incoming else "send")


def test_every_example_in_it_conforms_to_its_schema(document: dict[str, Any]) -> None:
    """The examples are the client's fixtures, all of them."""
    shown = 0
    for message in document["components"]["messages"].values():
        schema = {"components": document["components"], **message["payload"]}
        for example in message.get("examples", ()):
            assert Draft7Validator(schema).is_valid(example["payload"])
            assert example["payload"] == fixtures.event(example["name"])["data"]
            shown += 1
    assert shown == len(fixtures.names())


def test_a_dead_letter_has_the_headers_that_are_described(document: dict[str, Any]) -> None:
    """All required ones, and `deadletter-left-out` if a part of it is too large."""
    described = document["components"]["messages"]["dead-letter"]["headers"]
    for value, more in ((b"{", set()), (b"x" * 1_000_000, {"deadletter-left-out"})):
        row = (
            7,
            "training.operations",
            0,
            41,
            b"43",
            value,
            "[]",
            "malformed_json",
            "why",
            datetime.now(UTC),
        )
        names = {name for name, _ in dead_letter_feed._message("billing.dead-letters", row).headers}
        assert names == {*described["required"], *more} <= set(described["properties"])

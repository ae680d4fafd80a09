"""The AsyncAPI document conforms to the official schema, and its references are complete."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from easyautoml_ledger import asyncapi, fixtures
from easyautoml_ledger.payloads import ADAPTERS, TYPES_OF_TOPIC
from easyautoml_ledger.schemas import short_name
from easyautoml_ledger.topics import TOPICS

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
    """The direction is the ledger's; dead letters have no contract of their own."""
    assert set(document["channels"]) == {name for name, types in TYPES_OF_TOPIC.items() if types}
    assert set(document["components"]["messages"]) == {short_name(event_type) for event_type in ADAPTERS}
    for operation in document["operations"].values():
        topic = TOPICS[resolved(document, operation["channel"]["$ref"])["address"]]
        assert operation["action"] == ("receive" if topic.incoming else "send")


def test_every_example_in_it_conforms_to_its_schema(document: dict[str, Any]) -> None:
    """The examples are the client's fixtures, all of them."""
    shown = 0
    for message in document["components"]["messages"].values():
        schema = {"components": document["components"], **message["payload"]}
        for example in message["examples"]:
            assert Draft7Validator(schema).is_valid(example["payload"])
            assert example["payload"] == fixtures.event(example["name"])["data"]
            shown += 1
    assert shown == len(fixtures.names())

"""Which changes of a schema break somebody, seen from either direction."""

import copy
import json
from typing import Any

import pytest

from easyautoml_ledger import schemas
from easyautoml_ledger.compatibility import breaking_changes
from easyautoml_ledger.payloads import ADAPTERS
from easyautoml_ledger.topics import is_incoming

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "kind", "name"],
    "properties": {
        "id": {"type": "integer", "minimum": 1, "maximum": 100},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "name": {"type": "string", "pattern": "^[a-z]*$", "maxLength": 10},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}, "maxItems": 5},
    },
    "$defs": {
        "Line": {
            "type": "object",
            "properties": {"amount": {"type": "string", "format": "amount"}},
            "required": ["amount"],
        }
    },
}

# The change by its path and new value (... takes it away), who is broken: those who send (an
# incoming type), those who listen (an outgoing one), and what is said.
CHANGES: list[tuple[str, Any, str, str]] = [
    ("properties.note", ..., "both", "note"),
    ("properties.more", {"type": "string"}, "listeners", "more"),
    ("required", ["id", "kind", "name", "note"], "senders", "note"),
    ("required", ["id", "kind"], "listeners", "name"),
    ("additionalProperties", ..., "listeners", "the whole"),
    ("properties.id.minimum", 2, "senders", "id"),
    ("properties.id.minimum", 0, "listeners", "id"),
    ("properties.id.maximum", 99, "senders", "id"),
    ("properties.id.maximum", ..., "listeners", "id"),
    ("properties.id.type", "number", "listeners", "id"),
    ("properties.id.type", "string", "both", "id"),
    ("properties.kind.enum", ["a"], "senders", "kind"),
    ("properties.kind.enum", ["a", "b", "c"], "listeners", "kind"),
    ("properties.kind.enum", ..., "listeners", "kind"),
    ("properties.kind.const", "a", "senders", "kind"),
    ("properties.name.pattern", "^[a-z0-9]*$", "both", "name"),
    ("properties.name.pattern", ..., "listeners", "name"),
    ("properties.name.maxLength", 9, "senders", "name"),
    ("properties.name.minLength", 1, "senders", "name"),
    ("properties.note.anyOf", [{"type": "string"}], "senders", "note"),
    (
        "properties.note.anyOf",
        [{"type": "string"}, {"type": "null"}, {"type": "integer"}],
        "listeners",
        "note",
    ),
    ("properties.lines.maxItems", 4, "senders", "lines"),
    ("$defs.Line.required", [], "listeners", "lines[].amount"),
    ("$defs.Line.properties.amount.format", "money", "both", "lines[].amount"),
    ("$defs.Line.properties.amount", ..., "both", "lines[].amount"),
    ("properties.id.title", "Id", "nobody", ""),
    ("description", "Another word.", "nobody", ""),
]


def changed(path: str, value: Any) -> dict[str, Any]:
    schema = copy.deepcopy(SCHEMA)
    *steps, last = path.split(".")
    place = schema
    for step in steps:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return schema


@pytest.mark.parametrize(("path", "value", "broken", "named"), CHANGES)
@pytest.mark.parametrize(("incoming", "who"), [(True, "senders"), (False, "listeners")])
def test_a_change_breaks_exactly_those_who_relied_on_it(
    path: str, value: Any, broken: str, named: str, incoming: bool, who: str
) -> None:
    """The sentence is led by the field's path."""
    found = breaking_changes(released=SCHEMA, current=changed(path, value), incoming=incoming)
    if broken in {who, "both"}:
        assert found
        assert all(sentence.startswith(named) for sentence in found)
    else:
        assert found == []


def test_a_renamed_field_is_a_removed_one() -> None:
    """In both directions."""
    renamed = copy.deepcopy(SCHEMA)
    renamed["properties"]["title"] = renamed["properties"].pop("name")
    renamed["required"][2] = "title"
    for incoming in (True, False):
        found = breaking_changes(released=SCHEMA, current=renamed, incoming=incoming)
        assert "name: was removed" in found


@pytest.mark.parametrize("event_type", ADAPTERS)
def test_no_contract_breaks_itself(event_type: str) -> None:
    """Compared with itself, a schema has no change at all."""
    schema = schemas.schema_of(event_type)
    assert breaking_changes(released=schema, current=schema, incoming=is_incoming(event_type)) == []


def test_a_kind_that_disappears_is_found() -> None:
    """In a union the option is looked for by its tag."""
    released = json.loads(schemas.built()["operation.v1.json"])
    current = copy.deepcopy(released)
    current["oneOf"] = [option for option in current["oneOf"] if "PayABill" not in option["$ref"]]
    found = breaking_changes(released=released, current=current, incoming=True)
    assert any("PayABill was removed" in sentence for sentence in found)


def test_a_new_kind_breaks_nobody_who_sends() -> None:
    """The ledger may learn one; a listener who knows only the old ones would be broken."""
    current = json.loads(schemas.built()["operation.v1.json"])
    released = copy.deepcopy(current)
    released["oneOf"] = [option for option in released["oneOf"] if "PayABill" not in option["$ref"]]
    assert breaking_changes(released=released, current=current, incoming=True) == []
    assert breaking_changes(released=released, current=current, incoming=False) != []


def test_a_field_required_of_one_kind_is_found() -> None:
    """And the sentence names the field, not the other eight kinds."""
    released = json.loads(schemas.built()["operation.v1.json"])
    current = copy.deepcopy(released)
    current["$defs"]["Training"]["required"].append("count_of_training_epoch")
    found = breaking_changes(released=released, current=current, incoming=True)
    assert found == ["count_of_training_epoch: is required, but may be absent"]

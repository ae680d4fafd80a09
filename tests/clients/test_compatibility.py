"""The changes of a schema that break senders, listeners or both."""

import copy
import json
from typing import Any

import pytest

from easyautoml_ledger import schemas
from easyautoml_ledger.payloads import ADAPTERS, is_incoming
from tools.compatibility import breaking_changes

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

# The path and new value of each change (... removes it), whom it breaks (senders of an incoming type,
# listeners to an outgoing one, or both), and the path that the sentence begins with.
CHANGES: list[tuple[str, Any, str, str]] = [
    ("properties.note", ..., "both", "note"),
    ("properties.more", {"type": "string"}, "listeners", "more"),
    ("required", ["id", "kind", "name", "note"], "senders", "note"),
    ("required", ["id", "kind"], "listeners", "name"),
    ("additionalProperties", ..., "listeners", "the payload"),
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
    ("properties.id.title", "Id", "none", ""),
    ("description", "Another text.", "none", ""),
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
@pytest.mark.parametrize(("incoming", "party"), [(True, "senders"), (False, "listeners")])
def test_a_change_breaks_only_those_who_rely_on_it(
    path: str, value: Any, broken: str, named: str, incoming: bool, party: str
) -> None:
    """Each sentence begins with the path of the field."""
    found = breaking_changes(released=SCHEMA, current=changed(path, value), incoming=incoming)
    if broken in {party, "both"}:
        assert found
        assert all(sentence.startswith(named) for sentence in found)
    else:
        assert found == []


def test_a_renamed_field_counts_as_removed() -> None:
    """Incoming and outgoing types alike."""
    renamed = copy.deepcopy(SCHEMA)
    renamed["properties"]["title"] = renamed["properties"].pop("name")
    renamed["required"][2] = "title"
    for incoming in (True, False):
        found = breaking_changes(released=SCHEMA, current=renamed, incoming=incoming)
        assert "name: was removed" in found


@pytest.mark.parametrize("event_type", ADAPTERS)
def test_a_schema_has_no_breaking_change_against_itself(event_type: str) -> None:
    """Every current schema is compared with itself."""
    schema = schemas.schema_of(event_type)
    assert breaking_changes(released=schema, current=schema, incoming=is_incoming(event_type)) == []


def test_a_removed_kind_is_found() -> None:
    """The options of a union are matched by their tag."""
    released = json.loads(schemas.built()["operation.v1.json"])
    current = copy.deepcopy(released)
    current["oneOf"] = [option for option in current["oneOf"] if "PayABill" not in option["$ref"]]
    found = breaking_changes(released=released, current=current, incoming=True)
    assert any("PayABill was removed" in sentence for sentence in found)


def test_a_new_kind_breaks_listeners_only() -> None:
    """The ledger may accept another kind, but may not send one to listeners that do not know it."""
    current = json.loads(schemas.built()["operation.v1.json"])
    released = copy.deepcopy(current)
    released["oneOf"] = [option for option in released["oneOf"] if "PayABill" not in option["$ref"]]
    assert breaking_changes(released=released, current=current, incoming=True) == []
    assert breaking_changes(released=released, current=current, incoming=False) != []


def test_a_field_required_of_one_kind_is_found() -> None:
    """The sentence names the field only, not the other eight kinds."""
    released = json.loads(schemas.built()["operation.v1.json"])
    current = copy.deepcopy(released)
    current["$defs"]["Training"]["required"].append("count_of_training_epoch")
    found = breaking_changes(released=released, current=current, incoming=True)
    assert found == ["count_of_training_epoch: is required, but may be absent"]

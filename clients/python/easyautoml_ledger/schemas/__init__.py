"""The JSON Schema of every event type, built from the models and shipped with this module.

``released/`` has the schemas that other teams already rely on. A current schema of an incoming
type may only accept more than the released one; one of an outgoing type may only add fields.
"""

import json
from importlib.resources import files
from typing import Any

from easyautoml_ledger.payloads import ADAPTERS

TYPE_PREFIX = "com.easyautoml."


def schema_of(event_type: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the payload of an event type. Raises ``KeyError``."""
    schema = ADAPTERS[event_type].json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:easyautoml:{short_name(event_type)}",
        **schema,
    }


def built() -> dict[str, str]:
    """Return file name to text of every schema, built from the current models."""
    return {file_name(event_type): as_text(schema_of(event_type)) for event_type in ADAPTERS}


def shipped() -> dict[str, str]:
    """Return file name to text of every schema file next to this module."""
    return _texts_in("")


def released() -> dict[str, str]:
    """Return file name to text of every released schema."""
    return _texts_in("released")


def short_name(event_type: str) -> str:
    """Return the type without the prefix that all share: ``operation.v1``."""
    return event_type[len(TYPE_PREFIX) :]


def file_name(event_type: str) -> str:
    return f"{short_name(event_type)}.json"


def as_text(document: dict[str, Any]) -> str:
    """Return the text of a JSON document as it is written to a file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _texts_in(folder: str) -> dict[str, str]:
    here = files(__name__)
    directory = here.joinpath(folder) if folder else here
    if not directory.is_dir():
        return {}
    return {
        entry.name: entry.read_text(encoding="utf-8")
        for entry in sorted(directory.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".json")
    }

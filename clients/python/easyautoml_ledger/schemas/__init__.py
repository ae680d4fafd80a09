"""JSON Schema of every event type, built from the models and shipped beside this module.

``released/`` holds the schemas that other teams already rely on: what is current may
only take more (of what comes in) and tell no less (of what goes out).
"""

import json
from importlib.resources import files
from typing import Any

from easyautoml_ledger.payloads import ADAPTERS

TYPE_PREFIX = "com.easyautoml."


def schema_of(event_type: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the payload of one event type; ``KeyError`` if unknown."""
    schema = ADAPTERS[event_type].json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:easyautoml:{short_name(event_type)}",
        **schema,
    }


def built() -> dict[str, str]:
    """File name to text of every schema, as it follows from the models now."""
    return {file_name(event_type): as_text(schema_of(event_type)) for event_type in ADAPTERS}


def shipped() -> dict[str, str]:
    """File name to text of every schema that stands beside this module."""
    return _texts_in("")


def released() -> dict[str, str]:
    """File name to text of every released schema."""
    return _texts_in("released")


def short_name(event_type: str) -> str:
    """The type without what all of them begin with: ``operation.v1``."""
    return event_type[len(TYPE_PREFIX) :]


def file_name(event_type: str) -> str:
    return f"{short_name(event_type)}.json"


def as_text(document: dict[str, Any]) -> str:
    """The one text of a JSON document that is kept in a file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _texts_in(folder: str) -> dict[str, str]:
    here = files(__name__)
    place = here.joinpath(folder) if folder else here
    if not place.is_dir():
        return {}
    return {
        entry.name: entry.read_text(encoding="utf-8")
        for entry in sorted(place.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".json")
    }

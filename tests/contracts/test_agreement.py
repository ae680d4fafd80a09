"""The OpenAPI document says what it said before, except for what was mended in it.

References are resolved and titles dropped, so that only meaning is compared, not how it is named.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from easyautoml_ledger.money import POSITIVE_PATTERN

BEFORE = json.loads((Path(__file__).parent / "openapi_before.json").read_text(encoding="utf-8"))
NOW = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text(encoding="utf-8"))

RENAMED = {"adjust": "adjust_balance"}
# Patterns that RE2 compiles, for those with a look-ahead or with \\u.
PATTERNS = {
    r"^(?=.*[1-9])(0|[1-9][0-9]{0,11})(\.[0-9]{1,8})?$": POSITIVE_PATTERN,
    r"^[^\u0000]*$": r"^[^\x00]*$",
    r"^[^\s\u0000-\u001f\u007f-\u009f]([^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f])?$": (
        r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"
    ),
}
LIMITS = {"ge": "minimum", "le": "maximum"}
# Values that had no schema of their own, and now have one.
SPECIFIED = {"spent", "grants"}


def _resolved(value: Any, document: Any, key: str = "") -> Any:
    """Return a part with its references replaced, and without titles."""
    if isinstance(value, list):
        return [_resolved(each, document) for each in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        name = value["$ref"].removeprefix("#/components/schemas/")
        target = document["components"]["schemas"][name]
        value = {**target, **{each: found for each, found in value.items() if each != "$ref"}}
    return {
        name: _resolved(each, document, name)
        for name, each in value.items()
        # `title` is a keyword, or a field of problems
        if name != "title" or key == "properties"
    }


def _comparable(value: Any, *, request: bool = False, parameter: bool = False) -> Any:
    """Return a resolved part as it is after the mending, with descriptions of fields left out."""
    if isinstance(value, list):
        return [_comparable(each, request=request, parameter=parameter) for each in value]
    if not isinstance(value, dict):
        return value
    if parameter and {"type": "null"} in value.get("anyOf", ()):
        option, null = value["anyOf"]
        assert null == {"type": "null"}
        value = {name: each for name, each in value.items() if name != "anyOf"} | option
    if "propertyNames" in value:  # they are strings, whether a schema says so or not
        value = value | {"propertyNames": {"type": "string", **value["propertyNames"]}}
    changed = {}
    for name, each in value.items():
        if name == "mapping" or (name == "description" and isinstance(each, str)):
            continue  # a mapping names schemas
        if name == "default" and request:
            continue
        if name == "pattern":
            changed[name] = PATTERNS.get(each, each)
            continue
        if name in SPECIFIED and isinstance(each, dict):
            continue
        changed[LIMITS.get(name, name)] = _comparable(each, request=request, parameter=parameter)
    return changed


OPERATIONS = [(path, method) for path, operations in BEFORE["paths"].items() for method in operations]


def test_the_same_routes_are_described() -> None:
    """No path and no method is missing or new."""
    assert [
        (path, method) for path, operations in NOW["paths"].items() for method in operations
    ] == OPERATIONS


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_a_route_is_described_as_before(path: str, method: str) -> None:
    """Its parameters, body and answers."""
    before = _resolved(BEFORE["paths"][path][method], BEFORE)
    now = _resolved(NOW["paths"][path][method], NOW)
    operation_id = before.pop("operationId")
    assert now.pop("operationId") == RENAMED.get(operation_id, operation_id)
    for part in set(before) | set(now):
        arguments = {"request": part == "requestBody", "parameter": part == "parameters"}
        assert _comparable(now.get(part), **arguments) == _comparable(before.get(part), **arguments), part


def test_only_defaults_are_added_to_the_descriptions_of_a_body() -> None:
    """Every other description is as before; some answers have one more, with their schema."""
    for path, method in OPERATIONS:
        before = _descriptions(_resolved(BEFORE["paths"][path][method].get("requestBody"), BEFORE))
        now = _descriptions(_resolved(NOW["paths"][path][method].get("requestBody"), NOW))
        for place in set(before) | set(now):
            said = now.get(place, "")
            was = before.get(place, "")
            assert said == was or said.removeprefix(was).strip().startswith("Default: `"), place


def _descriptions(value: Any, place: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    if isinstance(value, dict):
        for name, each in value.items():
            if name == "description" and isinstance(each, str):
                found[place] = each
            found |= _descriptions(each, f"{place}/{name}")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            found |= _descriptions(each, f"{place}/{index}")
    return found

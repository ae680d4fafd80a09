"""Finds the changes of a JSON Schema that break programs relying on its released version.

Of an incoming type, everything that was valid must stay valid. Of an outgoing type, a reader
that knows only the released schema must be able to read everything that is sent. Both ask the
same question: may something be sent that its reader refuses? A named field may not disappear
in either case. Only the keywords that the contracts use are understood, and any change of a
`pattern` or `format` counts as narrower.
"""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

_LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


def breaking_changes(*, released: Schema, current: Schema, incoming: bool) -> list[str]:
    """Return one sentence for each breaking change, beginning with the field's path."""
    sender, reader = (released, current) if incoming else (current, released)
    found = list(_Comparison(sender, reader).refusals(sender, reader, ""))
    found += _Comparison(released, current).missing(released, current, "")
    return list(dict.fromkeys(found))


class _Comparison:
    """Compares two schemas. References are resolved within the schema that they occur in."""

    def __init__(self, sender: Schema, reader: Schema) -> None:
        self._sender = sender
        self._reader = reader

    def refusals(self, sent: Schema, read: Schema, path: str) -> Iterator[str]:
        """Yield a sentence for everything that ``sent`` allows and ``read`` refuses."""
        options = _options(_resolved(sent, self._sender))
        readers = _options(_resolved(read, self._reader))
        if len(options) == len(readers) == 1:
            yield from self._refusals_of_option(options[0], readers[0], path)
            return
        for option in options:
            # Compare with the reader's closest option, so that the sentence names the real change.
            attempts = [list(self._refusals_of_option(option, reader, path)) for reader in readers]
            yield from min(attempts, key=len)

    def missing(self, released: Schema, current: Schema, path: str) -> Iterator[str]:
        """Yield a sentence for every field that only the released schema names."""
        for old in _options(_resolved(released, self._sender)):
            news = _options(_resolved(current, self._reader))
            attempts = [list(self._missing_of_option(old, new, path)) for new in news if _same_tag(old, new)]
            yield from min(attempts, key=len, default=[f"{path or 'the payload'}: {_title(old)} was removed"])

    def _missing_of_option(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        for name, field in old.get("properties", {}).items():
            where = f"{path}.{name}" if path else name
            if name not in new.get("properties", {}):
                yield f"{where}: was removed"
            else:
                yield from self.missing(field, new["properties"][name], where)
        for keyword in ("items", "additionalProperties"):
            if isinstance(old.get(keyword), dict) and isinstance(new.get(keyword), dict):
                yield from self.missing(old[keyword], new[keyword], f"{path}[]")

    def _refusals_of_option(self, sent: Schema, read: Schema, path: str) -> Iterator[str]:
        where = path or "the payload"
        if "type" in read and not _types(sent) <= _types(read):
            yield f"{where}: is {_either(_types(sent))}, where only {_either(_types(read))} is read"
            return
        if _values(read) is not None:
            more = [value for value in _values(sent) or ["any value"] if value not in (_values(read) or [])]
            if more:
                yield f"{where}: {_either(more)} is not read"
        for keyword in ("pattern", "format"):
            if keyword in read and read[keyword] != sent.get(keyword) and _values(sent) is None:
                yield f"{where}: {keyword} changed from {sent.get(keyword)} to {read[keyword]}"
        yield from _bounds(sent, read, where)
        yield from self._refusals_of_fields(sent, read, path)
        if isinstance(sent.get("items"), dict) and isinstance(read.get("items"), dict):
            yield from self.refusals(sent["items"], read["items"], f"{path}[]")

    def _refusals_of_fields(self, sent: Schema, read: Schema, path: str) -> Iterator[str]:
        for name in read.get("required", []):
            if name not in sent.get("required", []):
                yield f"{path}.{name}".lstrip(".") + ": is required, but may be absent"
        fields, others = read.get("properties", {}), read.get("additionalProperties", True)
        for name, field in sent.get("properties", {}).items():
            where = f"{path}.{name}" if path else name
            if name in fields:
                yield from self.refusals(field, fields[name], where)
            elif others is False:
                yield f"{where}: is not read"
            elif isinstance(others, dict):
                yield from self.refusals(field, others, where)
        more = sent.get("additionalProperties", True)
        if sent.get("type") == "object" and more is not False and others is False:
            yield f"{path or 'the payload'}: unknown fields are not read"
        if isinstance(more, dict) and isinstance(others, dict):
            yield from self.refusals(more, others, f"{path}[]")


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        place: Any = root
        for step in schema["$ref"].lstrip("#/").split("/"):
            place = place[step]
        schema = place
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            return {"anyOf": [_resolved(option, root) for option in schema[keyword]]}
    return schema


def _options(schema: Schema) -> list[Schema]:
    options: list[Schema] = schema.get("anyOf") or [schema]
    return options


def _types(schema: Schema) -> frozenset[str]:
    named = schema.get("type", ["string", "number", "integer", "boolean", "array", "object", "null"])
    types = frozenset([named] if isinstance(named, str) else named)
    return types | {"integer"} if "number" in types else types


def _values(schema: Schema) -> Any:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _bounds(sent: Schema, read: Schema, where: str) -> Iterator[str]:
    for keyword in _LOWER_BOUNDS + _UPPER_BOUNDS:
        if keyword not in read:
            continue
        given, bound = sent.get(keyword), read[keyword]
        if given is None or (given < bound if keyword in _LOWER_BOUNDS else given > bound):
            yield f"{where}: {keyword} {bound} is narrower than {'no bound' if given is None else given}"


def _same_tag(old: Schema, new: Schema) -> bool:
    tag = old.get("properties", {}).get("type", {}).get("const")
    return bool(tag == new.get("properties", {}).get("type", {}).get("const"))


def _title(schema: Schema) -> str:
    return str(schema.get("title", "an option"))


def _either(values: Any) -> str:
    return " or ".join(sorted(str(value) for value in values))

"""The AsyncAPI document as a page for people: topics, messages with an example each, and shapes."""

import json
import re
from collections.abc import Iterator
from typing import Any

_HEAD = """\
# The events on Kafka

Made from the contracts by `python -m easyautoml_ledger.schemas --readable docs/events.md`; not written by
hand. [asyncapi.json](asyncapi.json) says the same to programs, and a running ledger serves it at
`/v1/asyncapi.json`. The [Python client](../clients/python/README.md) has the same as models.
"""

_ATTRIBUTES = """\
## Every message

| header | required | what |
|---|---|---|
"""

_ABOUT = {
    "ce_specversion": "`1.0`",
    "ce_id": "unique within its source: what duplicates are known by",
    "ce_source": "who sends it; each topic takes only its own",
    "ce_type": "the type that stands as a heading below",
    "ce_time": "when it was sent (RFC 3339)",
    "ce_subject": "what it is about",
    "ce_traceparent": "W3C trace context, told on with the outcome",
    "ce_correlationid": "told on with the outcome",
    "ce_causationid": "told on with the outcome",
    "content-type": "`application/json`",
}

Document = dict[str, Any]


def page(document: Document) -> str:
    """Markdown; equal documents give equal text."""
    parts = [
        _HEAD,
        document["info"]["description"] + "\n",
        _topics(document),
        _ATTRIBUTES + _headers(document),
    ]
    for action, title in (("receive", "What the ledger reads"), ("send", "What the ledger tells")):
        parts.append(f"## {title}\n")
        named: set[str] = set()
        for operation in _operations(document, action):
            for message in operation["messages"]:
                name = message["$ref"].rpartition("/")[2]
                if name not in named:
                    named.add(name)
                    parts.append(_message(document, name))
    parts.append("## Shapes\n\nWhat the tables above name.\n")
    parts += [_shape(name, _schemas(document)[name]) for name in sorted(_nested(document))]
    return "\n".join(parts)


def _topics(document: Document) -> str:
    lines = ["## Topics\n", "| topic | direction | key and source | messages |", "|---|---|---|---|"]
    for action, direction in (("receive", "in"), ("send", "out")):
        for operation in _operations(document, action):
            channel = document["channels"][operation["channel"]["$ref"].rpartition("/")[2]]
            compacted = "topicConfiguration" in channel["bindings"]["kafka"]
            names = [document["components"]["messages"][name]["name"] for name in channel["messages"]]
            links = ", ".join(f"[{name}](#{_anchor(name)})" for name in names)
            lines.append(
                f"| `{channel['address']}` | {direction}{', compacted' if compacted else ''} | "
                f"{channel['description']} | {links} |"
            )
    return "\n".join(lines) + "\n"


def _headers(document: Document) -> str:
    headers = document["components"]["messageTraits"]["cloudevent"]["headers"]
    return "".join(
        f"| `{name}` | {'yes' if name in headers['required'] else ''} | {_ABOUT[name]} |\n"
        for name in headers["properties"]
    )


def _message(document: Document, name: str) -> str:
    message = document["components"]["messages"][name]
    schema = _schemas(document)[message["payload"]["$ref"].rpartition("/")[2]]
    lines = [f"### {message['name']}\n"]
    if "oneOf" in schema:
        lines.append(f"{message['summary']}\n")
        for option in schema["oneOf"]:
            shape = _schemas(document)[option["$ref"].rpartition("/")[2]]
            lines += [f"#### {shape['properties']['type']['const']}\n", _described(shape), _fields(shape)]
    else:
        lines += [_described(schema), _fields(schema)]
    for example in message["examples"]:
        text = json.dumps(example["payload"], indent=2, ensure_ascii=False)
        lines.append(f"Example `{example['name']}`:\n\n```json\n{text}\n```\n")
    return "\n".join(lines)


def _shape(name: str, schema: Document) -> str:
    return "\n".join([f"### {name}\n", _described(schema), _fields(schema)])


def _described(schema: Document) -> str:
    return str(schema.get("description", "")).replace("``", "`") + "\n"


def _fields(schema: Document) -> str:
    required = schema.get("required", [])
    lines = ["| field | required | what |", "|---|---|---|"]
    for name, field in schema.get("properties", {}).items():
        lines.append(f"| `{name}` | {'yes' if name in required else ''} | {_what(field)} |")
    others = schema.get("additionalProperties")
    lines.append(f"\nOther fields are {'refused' if others is False else 'ignored'}.\n")
    return "\n".join(lines)


def _what(field: Document) -> str:  # noqa: PLR0911 (one case a form of schema)
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{_anchor(name)})"
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_what(option) for option in field["anyOf"]))
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        return "one of " + ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        return f"list of {_what(field['items'])}" if "items" in field else "list"
    if field.get("type") == "object":
        inner = field.get("additionalProperties")
        return f"object of {_what(inner)}" if isinstance(inner, dict) and inner else "object"
    return _scalar(field)


def _scalar(field: Document) -> str:
    words = [str(field.get("format") or field.get("type") or "any value")]
    if words == ["string"] and "[1-9][0-9]{0,11})" in field.get("pattern", ""):
        words = ["amount as text" + (", more than 0" if "(?=" in field["pattern"] else "")]
    elif "pattern" in field:
        words.append("with a pattern")
    for keyword, said in (("minimum", "from"), ("maximum", "to"), ("maxLength", "at most")):
        if keyword in field and field[keyword] != 2**63 - 1:
            words.append(f"{said} {field[keyword]}" + (" characters" if keyword == "maxLength" else ""))
    if field.get("default") is not None:
        words.append(f"(else `{json.dumps(field['default'])}`)")
    return " ".join(words)


def _nested(document: Document) -> set[str]:
    """The schemas that are no message's own."""
    own = {
        message["payload"]["$ref"].rpartition("/")[2]
        for message in document["components"]["messages"].values()
    }
    for name in list(own):
        own |= {option["$ref"].rpartition("/")[2] for option in _schemas(document)[name].get("oneOf", [])}
    return set(_schemas(document)) - own


def _operations(document: Document, action: str) -> Iterator[Document]:
    return (each for each in document["operations"].values() if each["action"] == action)


def _schemas(document: Document) -> Document:
    schemas: Document = document["components"]["schemas"]
    return schemas


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")

"""Builds the AsyncAPI 3 document of all topics from the models, topics and fixtures."""

from typing import Any

from pydantic import TypeAdapter

from . import fixtures
from .operations import Operation
from .payloads import ADAPTERS, TYPES_OF_TOPIC
from .schemas import short_name
from .topics import TOPICS, Topic

VERSION = "1.0.0"

_DESCRIPTION = """\
Services publish operations, holds and reference data; the ledger publishes their outcomes.
Every message is a CloudEvent 1.0. The ledger sends binary mode and also reads structured mode.
A CloudEvents id is unique within its source and identifies duplicates: send the same id
again after a failure. Amounts are strings with at most eight decimals.
The ledger compresses what it sends with gzip, which every Kafka client can read."""

_DEAD_LETTER = "dead-letter"
_DEAD_LETTER_HEADERS = {
    "deadletter-id": "The number of the dead letter, in the administration and for `manage.py`.",
    "deadletter-topic": "The topic of the message.",
    "deadletter-partition": "The partition of the message.",
    "deadletter-offset": "The offset of the message.",
    "deadletter-code": "The code of the error, as in `docs/errors.md`.",
    "deadletter-reason": "The error, for people.",
    "deadletter-time": "The time when it was stored (RFC 3339).",
    "deadletter-left-out": "The parts that were left out because they are too large, if any.",
}

_KAFKA_BINDING = "0.5.0"
_OPERATION = "OperationData"


def document() -> dict[str, Any]:
    """Return the document from the ledger's point of view: it receives from incoming topics."""
    schemas = _schemas()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "EasyAutoML billing ledger",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "Proprietary"},
            "tags": [
                {"name": "in", "description": "Topics that the ledger reads."},
                {"name": "out", "description": "Topics that the ledger writes."},
            ],
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": _server()},
        "channels": {topic.name: _channel(topic) for topic in TOPICS.values()},
        "operations": {_operation_name(topic): _operation(topic) for topic in TOPICS.values()},
        "components": {
            "messages": {
                **{short_name(event_type): _message(event_type) for event_type in ADAPTERS},
                _DEAD_LETTER: _dead_letter(),
            },
            "messageTraits": {"cloudevent": _cloudevent()},
            "schemas": schemas,
        },
    }


def _server() -> dict[str, Any]:
    return {
        "host": "{bootstrap}",
        "protocol": "kafka",
        "description": "The installation's Kafka (`KAFKA_BOOTSTRAP_SERVERS`). Its administrators give out "
        "TLS and SASL credentials where they are needed.",
        "variables": {
            "bootstrap": {
                "default": "127.0.0.1:9092",
                "description": "The address of a broker; the default is the one that `make run` starts.",
            }
        },
    }


def _operation(topic: Topic) -> dict[str, Any]:
    return {
        "action": "receive" if topic.incoming else "send",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "description": f"The ledger {'reads' if topic.incoming else 'writes'} `{topic.name}`.",
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{name}"} for name in _message_names(topic)],
    }


def _message_names(topic: Topic) -> list[str]:
    """Return the names of the topic's messages in the document."""
    return [short_name(event_type) for event_type in TYPES_OF_TOPIC[topic.name]] or [_DEAD_LETTER]


def _operation_name(topic: Topic) -> str:
    return f"{'receive' if topic.incoming else 'send'}.{topic.name}"


def _channel(topic: Topic) -> dict[str, Any]:
    binding: dict[str, Any] = {"topic": topic.name, "bindingVersion": _KAFKA_BINDING}
    if topic.compacted:
        binding["topicConfiguration"] = {"cleanup.policy": ["compact"]}
    source = f" Source: {', '.join(topic.sources)}." if topic.sources else ""
    tombstone = f" A message without a value: {topic.tombstone}." if topic.tombstone else ""
    return {
        "address": topic.name,
        "description": f"Key: {topic.key}.{source}{tombstone}",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _message_names(topic)},
        "bindings": {"kafka": binding},
    }


def _message(event_type: str) -> dict[str, Any]:
    return {
        "name": event_type,
        "title": event_type,
        "summary": _summary(event_type),
        "traits": [{"$ref": "#/components/messageTraits/cloudevent"}],
        "payload": {"$ref": f"#/components/schemas/{_schema_name(event_type)}"},
        "examples": [
            {"name": name, "payload": fixtures.event(name)["data"]} for name in fixtures.names(event_type)
        ],
    }


def _dead_letter() -> dict[str, Any]:
    return {
        "name": _DEAD_LETTER,
        "title": "Dead letter",
        "summary": "A message that could not be recorded: its key, value and headers, and the reason.",
        "contentType": "application/octet-stream",
        "headers": {
            "type": "object",
            "required": [name for name in _DEAD_LETTER_HEADERS if name != "deadletter-left-out"],
            "properties": {
                name: {"type": "string", "description": text} for name, text in _DEAD_LETTER_HEADERS.items()
            },
        },
        "payload": {"description": "The value of the message, unchanged."},
    }


def _cloudevent() -> dict[str, Any]:
    string = {"type": "string"}
    return {
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "content-type"],
            "properties": {
                "ce_specversion": {"type": "string", "const": "1.0"},
                "ce_id": {"type": "string", "minLength": 1, "maxLength": 255},
                "ce_source": string,
                "ce_type": string,
                "ce_time": {"type": "string", "format": "date-time"},
                "ce_subject": string,
                "ce_traceparent": string,
                "ce_correlationid": string,
                "ce_causationid": string,
                "content-type": {"type": "string", "const": "application/json"},
            },
        },
        "bindings": {"kafka": {"key": string, "bindingVersion": _KAFKA_BINDING}},
    }


def _schemas() -> dict[str, Any]:
    """Return the schema of every payload, and of every object that one refers to, by name."""
    payloads, shared = TypeAdapter.json_schemas(
        [(event_type, "validation", adapter) for event_type, adapter in ADAPTERS.items()],
        ref_template="#/components/schemas/{model}",
    )
    schemas = dict(shared.get("$defs", {}))
    for (event_type, _), schema in payloads.items():
        name = _schema_name(event_type)
        if schema != {"$ref": f"#/components/schemas/{name}"}:
            schemas[name] = schema
    discriminator = schemas[_OPERATION]["discriminator"]
    # AsyncAPI has only the name of the property here, OpenAPI and pydantic also a mapping.
    schemas[_OPERATION]["discriminator"] = discriminator["propertyName"]
    return dict(sorted(schemas.items()))


def _schema_name(event_type: str) -> str:
    if event_type == Operation.event_type:
        return _OPERATION
    return str(ADAPTERS[event_type].json_schema()["title"])


def _summary(event_type: str) -> str:
    if event_type == Operation.event_type:
        return "One operation of the kind that `type` names."
    description = str(ADAPTERS[event_type].json_schema()["description"])
    return description.partition("\n\n")[0].replace("\n", " ").replace("``", "`")

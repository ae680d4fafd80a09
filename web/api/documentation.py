"""Parts of the OpenAPI document that ninja does not derive: bodies, headers, answers and problems."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from easyautoml_ledger.operations import OPERATION_ADAPTER
from web.api import shapes
from web.api.problems import MEDIA_TYPE, Problem
from web.api.reading import BULK_ITEMS_MAX, KEY_CHARACTERS_MAX, KEY_PATTERN

Schema = dict[str, Any]

_REFERENCE: Final = "#/components/schemas/"
_IN_BULK: Final = "InBulk"
_ALWAYS_POSSIBLE: Final = (401, 403, 500, 503)
_KEY: Final[Schema] = {
    "type": "string",
    "minLength": 1,
    "maxLength": KEY_CHARACTERS_MAX,
    "pattern": KEY_PATTERN,
    "examples": ["0198c9a4-7b1e-7c3a-9f57-0a2f4d6b8c10"],
}


def refusals(*statuses: int) -> dict[int, type[Problem]]:
    """Return the problems that a route may answer with: these statuses and those of every route."""
    return dict.fromkeys((*statuses, *_ALWAYS_POSSIBLE), Problem)


_COMMAND_REFUSED: Final = refusals(400, 409, 411, 413, 415, 422)

# The answers of a route that takes a command, by status. 200 is a replay or a dry run.
RECORDED: Final[Mapping[int, Any]] = {
    201: shapes.Operation,
    200: shapes.OperationOrQuote,
    **_COMMAND_REFUSED,
}
PROPOSED: Final[Mapping[int, Any]] = {
    202: shapes.Operation,
    200: shapes.OperationOrQuote,
    **_COMMAND_REFUSED,
}


def _body(schema: str) -> Schema:
    reference = {"$ref": _REFERENCE + schema}
    return {"required": True, "content": {"application/json": {"schema": reference}}}


def _header(description: str, schema: Schema) -> Schema:
    return {"description": description, "schema": schema}


def body_of(model: type[BaseModel]) -> Schema:
    """Return the OpenAPI request body for a model."""
    schema = model.model_json_schema(ref_template=_REFERENCE + "{model}")
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def command_extra(body: Schema | None, *, done: int = 201) -> Schema:
    """Return the `openapi_extra` of a route that takes a command: body, idempotency key, dry run, headers.

    `done` is the status of a command that succeeded and whose `Location` can be fetched.
    """
    return {
        "parameters": [IDEMPOTENCY_KEY | {"required": False, "description": _KEY_OR_DRY}, DRY_RUN],
        **({} if body is None else {"requestBody": body}),
        "responses": {
            done: {"headers": LOCATION},
            200: {"headers": LOCATION | REPLAYED},
            422: {"headers": LOCATION | REPLAYED},
        },
    }


_KEY_OR_DRY: Final = (
    "Identifies the command, so that it is executed only once. Required unless `dry_run` is true."
)
DRY_RUN: Final[Schema] = {
    "in": "query",
    "name": "dry_run",
    "required": False,
    "description": "If `true`, return what the command would do now and write nothing.",
    "schema": {"type": "boolean", "default": False},
}
IDEMPOTENCY_KEY: Final[Schema] = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": True,
    "description": "Identifies the operation, so that it is recorded only once. Unique per source, "
    "across HTTP and Kafka, without expiry.",
    "schema": _KEY,
}
OPERATION_BODY: Final = _body("OperationToRecord")
BULK_BODY: Final = _body("OperationsToRecord")
LOCATION: Final[Schema] = {
    "Location": _header("Where the operation can be fetched.", {"type": "string"}),
}
REPLAYED: Final[Schema] = {
    "Idempotency-Replayed": _header(
        "`true` if the key was answered before and this is the same answer.",
        {"type": "string", "enum": ["true"]},
    ),
}


def completed(document: Schema) -> Schema:
    """Add the schemas of the bodies, the 404s and the media type of problems to a generated document."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas |= _body_schemas()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if "requestBody" in operation:
                operation["requestBody"] = _with_parts_in(schemas, operation["requestBody"])
            if "{" in path:  # an id that does not exist, or cannot
                operation["responses"].setdefault(
                    404, {**operation["responses"][401], "description": "Not Found"}
                )
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    response["content"] = {MEDIA_TYPE: response["content"]["application/json"]}
    return document


def _with_parts_in(schemas: Schema, body: Schema) -> Schema:
    """Move the definitions of a request body to the document's schemas, where its references point."""
    media = body["content"]["application/json"]
    schemas |= media["schema"].get("$defs", {})
    whole = {name: value for name, value in media["schema"].items() if name != "$defs"}
    return {**body, "content": {"application/json": {**media, "schema": whole}}}


def _body_schemas() -> Schema:
    union = OPERATION_ADAPTER.json_schema(ref_template=_REFERENCE + "{model}")
    kinds: Schema = union.pop("$defs")
    in_bulk = {name + _IN_BULK: _with_id(schema) for name, schema in kinds.items()}
    discriminator = union["discriminator"]
    return {
        **kinds,
        **in_bulk,
        "OperationToRecord": {**union, "title": "OperationToRecord"},
        "OperationsToRecord": {
            "title": "OperationsToRecord",
            "type": "object",
            "additionalProperties": False,
            "required": ["operations"],
            "properties": {
                "operations": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": BULK_ITEMS_MAX,
                    "items": {
                        "oneOf": [{"$ref": one["$ref"] + _IN_BULK} for one in union["oneOf"]],
                        "discriminator": {
                            **discriminator,
                            "mapping": {
                                kind: reference + _IN_BULK
                                for kind, reference in discriminator["mapping"].items()
                            },
                        },
                    },
                },
            },
        },
    }


def _with_id(schema: Schema) -> Schema:
    return {
        **schema,
        "title": schema["title"] + _IN_BULK,
        "properties": {"id": _KEY, **schema["properties"]},
        "required": ["id", *schema["required"]],
    }

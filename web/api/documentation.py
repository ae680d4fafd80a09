"""Parts of the OpenAPI document that ninja does not derive: bodies, headers, answers and problems."""

import json
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


SERVERS: Final = (
    {"url": "/", "description": "The ledger that serves this document."},
    {"url": "http://127.0.0.1:8000", "description": "The ledger that `make run` starts."},
)
LICENSE: Final = {"name": "Proprietary", "identifier": "LicenseRef-Proprietary"}
TAGS: Final = (
    {"name": "operations", "description": "Record, quote, reverse and read operations."},
    {"name": "holds", "description": "Set money aside for work that has not been done yet, and capture it."},
    {"name": "users", "description": "A user's balances, statement, coupons and debts."},
    {"name": "coupons", "description": "Promotional credit, given directly or by codes."},
    {"name": "payouts", "description": "Money paid out to users: requested, then paid or failed."},
    {"name": "chargebacks", "description": "Payments that the payment provider took back."},
    {"name": "consulting", "description": "Consulting contracts, whose money waits in escrow."},
    {
        "name": "adjustments",
        "description": "Corrections of balances, and proposals to correct one.",
    },
    {"name": "commands", "description": "Proposals of commands that need a second person."},
    {"name": "tariffs", "description": "Prices, published in versions after a second person has approved."},
    {
        "name": "periods",
        "description": "Months, closed and reopened, with their totals and balances.",
    },
)

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
    """Add to a generated document what clients need: the bodies by name, the 404s, the types of problems."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    _add(schemas, _body_schemas())
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if "requestBody" in operation:
                operation["requestBody"] = _with_parts_in(schemas, operation)
            for parameter in operation["parameters"]:
                parameter["schema"] = _never_null(parameter["schema"])
            if "{" in path:  # an id that does not exist, or cannot
                operation["responses"].setdefault(
                    404, {**operation["responses"][401], "description": "Not Found"}
                )
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    response["content"] = {MEDIA_TYPE: response["content"]["application/json"]}
    # ninja also lists the models of queries, whose fields are parameters.
    used = _used(schemas, document["paths"])
    document["components"]["schemas"] = {name: value for name, value in schemas.items() if name in used}
    return document


def _with_parts_in(schemas: Schema, operation: Schema) -> Schema:
    """Move a request body to the document's schemas, named after its operation: `GrantCouponBody`.

    Its definitions go there too, where its references point.
    """
    body: Schema = operation["requestBody"]
    whole = dict(body["content"]["application/json"]["schema"])
    if "$ref" in whole:
        return body
    name = operation["operationId"].title().replace("_", "") + "Body"
    parts = {**whole.pop("$defs", {}), name: {**whole, "title": name}}
    _add(schemas, {part: _keeping_optional(schema) for part, schema in parts.items()})
    return {**body, **_body(name)}


def _add(schemas: Schema, more: Schema) -> None:
    for name, schema in more.items():
        if schemas.setdefault(name, schema) != schema:
            raise RuntimeError(f"two schemas of the OpenAPI document are called {name}")


def _keeping_optional(schema: Schema) -> Schema:
    """Return a schema of requests with the default of each field as a part of its description.

    Generators of clients make a field with a default required: they read it as always present, which is
    true of answers only.
    """
    if "properties" not in schema:
        return schema
    return {**schema, "properties": {name: _described(field) for name, field in schema["properties"].items()}}


def _described(field: Schema) -> Schema:
    kept = {name: value for name, value in field.items() if name != "default"}
    if field.get("default") is not None:
        default = f"Default: `{json.dumps(field['default'])}`."
        kept["description"] = " ".join(filter(None, [field.get("description"), default]))
    return kept


def _never_null(schema: Schema) -> Schema:
    """Return the schema of a parameter without null, which no address or header can say."""
    options: list[Schema] = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    if len(options) != 1:
        return schema
    return {**{name: value for name, value in schema.items() if name != "anyOf"}, **options[0]}


def _used(schemas: Schema, value: Any) -> set[str]:
    """Return the names of the schemas that a part of the document refers to, directly or through others."""
    found: set[str] = set()
    left = [value]
    while left:
        part = left.pop()
        left += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        reference = part.get("$ref") if isinstance(part, dict) else None
        name = str(reference).removeprefix(_REFERENCE)
        if reference is not None and name not in found:
            found.add(name)
            left.append(schemas[name])
    return found


def _body_schemas() -> Schema:
    union = OPERATION_ADAPTER.json_schema(ref_template=_REFERENCE + "{model}")
    kinds = {name: _keeping_optional(schema) for name, schema in union.pop("$defs").items()}
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

"""The error of a message or payload that breaks its contract.

``ContractError`` has ``code`` (stable, for programs), ``message`` (for people) and ``field``
(the dotted path into the payload, or the name of an attribute of the envelope; ``None`` for
the message as a whole). It never repeats the refused value, which may be personal or very long.
"""

from collections.abc import Set as AbstractSet
from typing import Optional

from pydantic import ValidationError

CODES: frozenset[str] = frozenset(
    {
        # the message as a whole
        "empty_value",
        "too_large",
        "not_a_cloudevent",
        "unsupported_content_type",
        "unsupported_type",
        # the envelope
        "missing_attribute",
        "invalid_attribute",
        "duplicate_attribute",
        "unsupported_specversion",
        # the JSON text
        "invalid_utf8",
        "malformed_json",
        "duplicate_key",
        "not_a_number",
        # the payload
        "missing_field",
        "unknown_field",
        "unknown_kind",
        "unknown_value",
        "not_an_object",
        "not_a_list",
        "not_an_integer",
        "not_a_boolean",
        "not_text",
        "out_of_range",
        "text_too_short",
        "text_too_long",
        "too_few",
        "too_many",
        "invalid_text",
        "text_contains_nul",
        "invalid_uuid",
        "invalid_time",
        "missing_offset",
        "invalid_amount",
        "amount_is_float",
        "amount_too_precise",
        "amount_too_large",
        "amount_is_negative",
        "amount_not_positive",
        "invalid_value",
    }
)

_CODE_OF_PYDANTIC: dict[str, str] = {
    "json_invalid": "malformed_json",
    "missing": "missing_field",
    "extra_forbidden": "unknown_field",
    "union_tag_not_found": "missing_field",
    "union_tag_invalid": "unknown_kind",
    "literal_error": "unknown_value",
    "model_type": "not_an_object",
    "model_attributes_type": "not_an_object",
    "dict_type": "not_an_object",
    "list_type": "not_a_list",
    "tuple_type": "not_a_list",
    "int_type": "not_an_integer",
    "int_parsing": "not_an_integer",
    "int_parsing_size": "out_of_range",
    "int_from_float": "not_an_integer",
    "bool_type": "not_a_boolean",
    "string_type": "not_text",
    "string_unicode": "invalid_text",
    "string_pattern_mismatch": "invalid_text",
    "string_too_short": "text_too_short",
    "string_too_long": "text_too_long",
    "too_short": "too_few",
    "too_long": "too_many",
    "greater_than": "out_of_range",
    "greater_than_equal": "out_of_range",
    "less_than": "out_of_range",
    "less_than_equal": "out_of_range",
    "uuid_type": "invalid_uuid",
    "uuid_parsing": "invalid_uuid",
    "timezone_aware": "missing_offset",
    "datetime_type": "invalid_time",
    "datetime_parsing": "invalid_time",
    "datetime_from_date_parsing": "invalid_time",
    "datetime_object_invalid": "invalid_time",
}

_MESSAGE_OF: dict[str, str] = {
    "missing_field": "is required",
    "unknown_field": "is not a field of this contract",
    "unknown_kind": "is not a kind of this contract",
    "not_an_object": "must be a JSON object",
}


class ContractError(ValueError):
    """A message or payload breaks its contract.

    A retry cannot help: a receiver parks the message as a dead letter.
    """

    def __init__(self, code: str, message: str, field: Optional[str] = None) -> None:
        super().__init__(code, message, field)
        self.code = code
        self.message = message
        self.field = field

    def __str__(self) -> str:
        where = f" ({self.field})" if self.field else ""
        return f"{self.code}{where}: {self.message}"


def contract_errors(error: ValidationError, *, tags: AbstractSet[str] = frozenset()) -> list[ContractError]:
    """Return all errors of a pydantic validation, in its order.

    ``tags`` are the discriminator values of a tagged union. pydantic puts the tag in front
    of the path, although the payload has no such level.
    """
    found = []
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        kind, path = detail["type"], detail["loc"]
        if path and path[0] in tags:
            path = path[1:]
        if kind.startswith("union_tag"):
            path = (*path, "type")
        code = kind if kind in CODES else _CODE_OF_PYDANTIC.get(kind, "invalid_value")
        # pydantic's messages about tags repeat the value that was sent, of any length.
        message = _MESSAGE_OF.get(code, detail["msg"])
        found.append(ContractError(code, message, _dotted(path)))
    return found


def first_contract_error(error: ValidationError, *, tags: AbstractSet[str] = frozenset()) -> ContractError:
    """Return the first error of a pydantic validation."""
    return contract_errors(error, tags=tags)[0]


def printable(name: str) -> str:
    """Return a name from outside, shortened and escaped for logs and tables."""
    short = name[:200]
    return short if short.isprintable() else ascii(short)[1:-1]


def _dotted(path: tuple[object, ...]) -> Optional[str]:
    return printable(".".join(str(part) for part in path)) or None

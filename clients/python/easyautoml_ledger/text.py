"""Strings of limited length without NUL and lone surrogates, which PostgreSQL cannot store.

``Annotated[str, Text(longest=200)]`` accepts up to 200 characters, line breaks included.
``Annotated[str, SingleLine(longest=200)]`` accepts one line.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_has_surrogate = re.compile("[\ud800-\udfff]").search
_has_control = re.compile("[\x00-\x1f\x7f-\x9f]").search
_is_code = re.compile("[a-z0-9]([a-z0-9_-]{0,30}[a-z0-9])?").fullmatch


@dataclass(frozen=True)
class Text:
    """A string of ``shortest`` to ``longest`` characters.

    Refuses others with ``not_text``, ``text_too_long``, ``text_too_short``, ``text_contains_nul`` or
    ``invalid_text`` (a lone surrogate).
    """

    longest: int
    shortest: int = 0

    def parse(self, value: object) -> str:
        if not isinstance(value, str):
            raise PydanticCustomError("not_text", "must be a string")
        if len(value) > self.longest:
            raise PydanticCustomError(
                "text_too_long", "must have at most {longest} characters", {"longest": self.longest}
            )
        if len(value) < self.shortest:
            raise PydanticCustomError(
                "text_too_short", "must have at least {shortest} character", {"shortest": self.shortest}
            )
        if "\x00" in value:
            raise PydanticCustomError("text_contains_nul", "must not contain the NUL character")
        if not value.isascii() and _has_surrogate(value):
            raise PydanticCustomError("invalid_text", "must not contain a lone surrogate")
        return value

    def json_schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "string", "maxLength": self.longest}
        if self.shortest:
            schema["minLength"] = self.shortest
        return {**schema, "pattern": r"^[^\x00]*$"}

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.parse)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return self.json_schema()


@dataclass(frozen=True)
class SingleLine(Text):
    """One line: not empty, without control characters, without blanks at its ends."""

    shortest: int = 1

    def parse(self, value: object) -> str:
        text = super().parse(value)
        if _has_control(text) or text != text.strip():
            raise PydanticCustomError(
                "invalid_text", "must be one line without control characters or blanks at its ends"
            )
        return text

    def json_schema(self) -> dict[str, Any]:
        inner = r"[^\x00-\x1f\x7f-\x9f]"
        edge = r"[^\s\x00-\x1f\x7f-\x9f]"
        return {**super().json_schema(), "pattern": f"^{edge}({inner}*{edge})?$"}


@dataclass(frozen=True)
class ShortCode(Text):
    """A short machine-readable name: lower case letters and digits, with ``-`` or ``_`` between."""

    longest: int = 32
    shortest: int = 1

    def parse(self, value: object) -> str:
        code = super().parse(value)
        if not _is_code(code):
            raise PydanticCustomError(
                "invalid_text", "must be lower case letters and digits, with '-' or '_' between"
            )
        return code

    def json_schema(self) -> dict[str, Any]:
        return {**super().json_schema(), "pattern": "^[a-z0-9]([a-z0-9_-]{0,30}[a-z0-9])?$"}


PaymentReference = Annotated[str, SingleLine(longest=200)]
Name = Annotated[str, SingleLine(longest=200)]
Reason = Annotated[str, Text(longest=500, shortest=1)]
Code = Annotated[str, ShortCode()]

"""Identifiers, counts and flags, validated without conversion from other JSON types."""

import re
from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, Field, Strict
from pydantic_core import PydanticCustomError

LARGEST_ID = 2**63 - 1
LARGEST_COUNT = 2**31 - 1

_is_uuid = re.compile("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}").fullmatch


def parse_uuid(value: object) -> UUID:
    """Return the ``UUID`` of a ``UUID`` or of its 36-character text. Raises ``invalid_uuid``."""
    if isinstance(value, UUID):
        return value
    if isinstance(value, str) and _is_uuid(value):
        return UUID(value)
    raise PydanticCustomError("invalid_uuid", "must be a UUID such as {example}", _EXAMPLE)


_EXAMPLE = {"example": "0198c9a4-7b1e-7c3a-9f57-0a2f4d6b8c10"}

# Only a JSON integer is accepted: no boolean, no float, no string.
Id = Annotated[int, Strict(), Field(ge=1, le=LARGEST_ID)]
Count = Annotated[int, Strict(), Field(ge=0, le=LARGEST_COUNT)]
Total = Annotated[int, Strict(), Field(ge=0, le=LARGEST_ID)]
Flag = Annotated[bool, Strict()]
Uuid = Annotated[UUID, BeforeValidator(parse_uuid)]

"""Points in time: RFC 3339 with an offset, converted to UTC with microseconds."""

import re
from datetime import datetime, timezone
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from .errors import ContractError, first_contract_error

_is_rfc_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})?"
).fullmatch


def _check_format(value: object) -> object:
    if isinstance(value, str):
        found = _is_rfc_3339(value)
        if not found:
            raise PydanticCustomError("invalid_time", "must be an RFC 3339 time such as 2026-01-31T12:00:00Z")
        if not found[2]:
            raise _missing_offset()
        return value
    if isinstance(value, datetime):
        if value.tzinfo is None or value.utcoffset() is None:
            raise _missing_offset()
        return value
    raise PydanticCustomError("invalid_time", "must be a string or a datetime with an offset")


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(timezone.utc)
    except OverflowError:
        raise PydanticCustomError("invalid_time", "is out of range in UTC") from None


def _missing_offset() -> PydanticCustomError:
    return PydanticCustomError("missing_offset", "a time needs an offset, such as Z or +02:00")


# Digits beyond microseconds, which some publishers send, are cut off.
AwareDatetime = Annotated[
    datetime,
    BeforeValidator(_check_format),
    Field(strict=False),
    AfterValidator(_in_utc),
]

_ADAPTER: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)


def parse_time(value: object, *, field: str) -> datetime:
    """Return the time in UTC of an RFC 3339 string or an aware ``datetime``.

    Raises ``ContractError`` ``invalid_time`` or ``missing_offset`` for ``field``.
    """
    try:
        return _ADAPTER.validate_python(value)
    except ValidationError as error:
        found = first_contract_error(error)
        raise ContractError(found.code, found.message, field) from None


def time_text(moment: datetime) -> str:
    """Return RFC 3339 in UTC: ``2026-01-31T12:00:00Z``, with a fraction unless it is zero."""
    return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")

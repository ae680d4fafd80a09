"""Page cursors: opaque, signed, and good for the one query they were made for."""

from collections.abc import Mapping
from typing import Any

from django.core.signing import BadSignature, Signer

from web.api.errors import InvalidCursor


def make(place: list[Any], query: Mapping[str, Any]) -> str:
    """The cursor for the page that comes after a place. `query` is what has to stay the same."""
    cursor: str = _signer(query).sign_object(place)
    return cursor


def read(cursor: str, query: Mapping[str, Any]) -> list[Any]:
    """The place that a cursor of this query stands for. Raises `InvalidCursor`."""
    try:
        if cursor.isascii():
            place: list[Any] = _signer(query).unsign_object(cursor)
            return place
    except BadSignature:
        pass
    raise InvalidCursor("the cursor is not one of this query's", field="cursor")


def _signer(query: Mapping[str, Any]) -> Signer:
    # What the cursor belongs to is part of the signature's salt: it need not be carried along.
    named = ",".join(f"{name}={query[name]}" for name in sorted(query))
    return Signer(salt=f"web.api.cursors:{named}")

"""Page cursors: opaque, signed, and valid only for the query that they were made for."""

from collections.abc import Mapping
from typing import Any

from django.core.signing import BadSignature, Signer

from web.api.errors import InvalidCursor


def make(place: list[Any], query: Mapping[str, Any]) -> str:
    """Return the cursor of the page that follows `place`. `query` must be the same for the next page."""
    cursor: str = _signer(query).sign_object(place)
    return cursor


def read(cursor: str, query: Mapping[str, Any]) -> list[Any]:
    """Return the place that a cursor of this query points at. Raises `InvalidCursor`."""
    try:
        if cursor.isascii():
            place: list[Any] = _signer(query).unsign_object(cursor)
            return place
    except BadSignature:
        pass
    raise InvalidCursor("the cursor was made for another query, or not by this ledger", field="cursor")


def _signer(query: Mapping[str, Any]) -> Signer:
    # The query is part of the signature's salt, so that the cursor need not contain it.
    named = ",".join(f"{name}={query[name]}" for name in sorted(query))
    return Signer(salt=f"web.api.cursors:{named}")

"""An event on its way into the log, and one that was read from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """A fact about to be appended.

    `id` is a UUID in text form; `data` and `metadata` are JSON values, amounts in them strings.
    """

    id: str
    stream: str
    type: str
    schema_version: int
    data: Mapping[str, Any]
    metadata: Mapping[str, Any]
    occurred_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent(NewEvent):
    """A fact in the log, at its place in the one global order."""

    position: int

"""An event of the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """A fact at its position in the one global order, stored or about to be appended.

    `id` is a UUID in text form; `data` and `metadata` are JSON values, with amounts as strings.
    """

    position: int
    id: str
    stream: str
    type: str
    schema_version: int
    data: Mapping[str, Any]
    metadata: Mapping[str, Any]
    occurred_at: datetime
    recorded_at: datetime

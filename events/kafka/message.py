"""A message from Kafka, byte for byte, with its topic, partition and offset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS: Final = 253_402_300_799_000  # the end of the year 9999


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message. `topic_id` is the topic's UUID as text; `timestamp` is the one that Kafka stores.

    `replay` is empty, or the metadata of a replayed dead letter: its number and the people who replayed it.
    """

    topic: str
    topic_id: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    timestamp: datetime
    replay: Mapping[str, str] = field(default_factory=dict, compare=False)


def message_of(record: Any, topic_id: str) -> Message:
    """Return the message of a consumer's record that was fetched from the topic with this id."""
    return Message(
        topic=record.topic,
        topic_id=topic_id,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=record.headers,
        timestamp=_time(record.timestamp),
    )


def _time(milliseconds: int) -> datetime:
    # The sender chooses it. An impossible time is replaced by the time of reading.
    if not 0 < milliseconds <= _LATEST_MS:
        return datetime.now(UTC)
    return _EPOCH + timedelta(milliseconds=milliseconds)

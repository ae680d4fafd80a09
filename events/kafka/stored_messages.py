"""Stores messages byte for byte: dead letters, and messages that wait for something unknown."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from events.kafka.message import Message

_PLACE = 'topic_id, topic, partition, "offset", key, value, headers, timestamp, code, reason'


class Parked(NamedTuple):
    """A message to store as a dead letter; `code` is stable, `reason` is for people."""

    message: Message
    code: str
    reason: str


class Waiting(NamedTuple):
    """A message that can be posted once `waits_for` (`user:42`, `machine:7`) is known."""

    message: Message
    code: str
    reason: str
    waits_for: str
    deadline: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWaiting:
    """A waiting message, read back."""

    id: int
    message: Message
    deadline: datetime
    stored_at: datetime


def park(cursor: Any, parked: Sequence[Parked]) -> None:
    """Store messages as dead letters.

    A replayed dead letter that is parked again is open again, with the new reason; its bytes do not change.
    """
    if parked:
        cursor.executemany(
            f"""insert into events_dead_letter as letter ({_PLACE}, stored_at, state)
                values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now(), 'open')
                on conflict (topic_id, partition, "offset") do update
                set state = 'open', code = excluded.code, reason = excluded.reason
                where letter.state = 'replayed'""",  # noqa: S608 (fixed names)
            [(*_row(item.message), item.code, item.reason) for item in parked],
        )


def keep_waiting(cursor: Any, waiting: Sequence[Waiting]) -> None:
    """Store messages until what they wait for is known, or their deadline has passed."""
    if waiting:
        cursor.executemany(
            f"""insert into events_waiting ({_PLACE}, waits_for, deadline, stored_at)
                values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now())
                on conflict do nothing""",  # noqa: S608 (fixed names)
            [
                (*_row(item.message), item.code, item.reason, item.waits_for, item.deadline)
                for item in waiting
            ],
        )


def read_waiting(cursor: Any, ids: Sequence[int]) -> list[StoredWaiting]:
    """Return the waiting messages with these ids, oldest first. Missing ids are left out."""
    cursor.execute(
        """select topic_id::text, topic, partition, "offset", key, value, headers::text, timestamp,
                  id, deadline, stored_at
           from events_waiting where id = any(%s) order by id""",
        [list(ids)],
    )
    return [
        StoredWaiting(message=message_from(row), id=row[8], deadline=row[9], stored_at=row[10])
        for row in cursor.fetchall()
    ]


def lock_waiting(cursor: Any, ids: Sequence[int]) -> set[int]:
    """Lock waiting messages; return the ids of those that no other worker has locked or removed."""
    cursor.execute(
        "select id from events_waiting where id = any(%s) order by id for update skip locked", [list(ids)]
    )
    return {row[0] for row in cursor.fetchall()}


def remove_waiting(cursor: Any, ids: Sequence[int]) -> None:
    """Delete waiting messages."""
    if ids:
        cursor.execute("delete from events_waiting where id = any(%s)", [list(ids)])


def wait_for_another(cursor: Any, waits_for: Sequence[tuple[int, str]]) -> None:
    """Change what messages wait for, by id."""
    if waits_for:
        cursor.execute(
            """update events_waiting w set waits_for = v.waits_for
               from unnest(%s::bigint[], %s::text[]) as v(id, waits_for) where w.id = v.id""",
            [[row[0] for row in waits_for], [row[1] for row in waits_for]],
        )


def _row(message: Message) -> tuple[Any, ...]:
    return (
        message.topic_id,
        message.topic,
        message.partition,
        message.offset,
        message.key,
        message.value,
        encode_headers(message.headers),
        message.timestamp,
    )


def message_from(row: Sequence[Any]) -> Message:
    """Return the message in the first eight columns of a row."""
    return Message(
        topic_id=row[0],
        topic=row[1],
        partition=row[2],
        offset=row[3],
        key=None if row[4] is None else bytes(row[4]),
        value=None if row[5] is None else bytes(row[5]),
        headers=decode_headers(row[6]),
        timestamp=row[7],
    )


def encode_headers(headers: Sequence[tuple[str, bytes | None]]) -> str:
    """Return headers as JSON: names unchanged but for NUL, which jsonb refuses; values in base64."""
    return json.dumps(
        [
            [name.replace("\x00", "\ufffd"), None if value is None else base64.b64encode(value).decode()]
            for name, value in headers
        ]
    )


def decode_headers(text: str) -> list[tuple[str, bytes | None]]:
    """Return the headers from the JSON of `encode_headers`."""
    return [(name, None if value is None else base64.b64decode(value)) for name, value in json.loads(text)]

"""Publishes dead letters on a topic of their own, for the teams that sent the messages."""

from collections.abc import Sequence
from typing import Any, Final

from django.db import connection

from events.kafka.outgoing import Outgoing
from events.kafka.stored_messages import decode_headers
from events.poison import INTERNAL_ERROR

# Leaves room for the headers. A larger value is left out, and stays in the database.
_VALUE_BYTES_MAX: Final = 900_000
_HEADERS_BYTES_MAX: Final = 100_000
_REASON_MAX: Final = 1_000
_PREFIX: Final = "deadletter-"
_OUR_FAULT: Final = "the ledger itself failed on this message; nothing is wrong with it"


def read_unpublished(topic: str, limit: int) -> tuple[list[int], list[Outgoing]]:
    """Return the ids of the next unpublished dead letters, and their messages for `topic`."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select id, topic, partition, "offset", key, value, headers::text, code, reason, stored_at
               from events_dead_letter where published_at is null order by id limit %s""",
            [limit],
        )
        rows = cursor.fetchall()
    return [row[0] for row in rows], [_message(topic, row) for row in rows]


def mark_published(ids: Sequence[int]) -> None:
    """Mark dead letters as published."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update events_dead_letter set published_at = now() where id = any(%s) and published_at is null",
            [list(ids)],
        )


def republish_open() -> None:
    """Publish all open dead letters again, for a topic that is new."""
    with connection.cursor() as cursor:
        cursor.execute("update events_dead_letter set published_at = null where state = 'open'")


def without_content(dead_letter: Outgoing) -> Outgoing:
    """Return a dead letter without value and original headers, for a broker that refused it."""
    ours = [(name, content) for name, content in dead_letter.headers if name.startswith(_PREFIX)]
    left_out = (f"{_PREFIX}left-out", b"value and headers: the broker refused them")
    return dead_letter._replace(value=b"", headers=[*ours, left_out])


def _message(to: str, row: Sequence[Any]) -> Outgoing:
    id_, topic, partition, offset, key, value, headers, code, reason, stored_at = row
    ours = {
        "id": str(id_),
        "topic": topic,
        "partition": str(partition),
        "offset": str(offset),
        "code": code,
        # Messages of the database may quote rows of other users.
        "reason": _OUR_FAULT if code == INTERNAL_ERROR else reason[:_REASON_MAX],
        "time": stored_at.isoformat(),
    }
    value = b"" if value is None else bytes(value)
    if len(value) > _VALUE_BYTES_MAX:
        ours["left-out"] = f"value of {len(value)} bytes"
        value = b""
    original = [(name, content or b"") for name, content in decode_headers(headers)]
    if sum(len(name) + len(content) for name, content in original) > _HEADERS_BYTES_MAX:
        ours["left-out"] = f"{len(original)} headers"
        original = []
    return Outgoing(
        to,
        None if key is None else bytes(key),
        value,
        original + [(f"{_PREFIX}{name}", content.encode()) for name, content in ours.items()],
    )

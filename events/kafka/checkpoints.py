"""Checkpoints of the relay, per outgoing topic id, moved after the broker has acknowledged."""

from collections.abc import Sequence
from typing import Final

from django.db import connection, transaction

from events.kafka import stored_messages
from events.kafka.stored_messages import Parked

_PREFIX: Final = "relay:"


class Overtaken(Exception):
    """Another relay moved the checkpoint."""


def read(topic: str, topic_id: str) -> int | None:
    """Return the position up to which a topic was published; None for a new topic."""
    with connection.cursor() as cursor:
        cursor.execute("select position from events_checkpoint where name = %s", [_name(topic, topic_id)])
        row = cursor.fetchone()
    return None if row is None else int(row[0])


def start(topic: str, topic_id: str, position: int) -> None:
    """Create the checkpoint of a new topic. Raises `Overtaken`."""
    with connection.cursor() as cursor:
        cursor.execute(
            """insert into events_checkpoint (name, position, updated_at) values (%s, %s, now())
               on conflict do nothing""",
            [_name(topic, topic_id), position],
        )
        if cursor.rowcount != 1:
            raise Overtaken(topic)


def move(topics: Sequence[tuple[str, str]], start_: int, to: int, refused: Sequence[Parked] = ()) -> None:
    """Move the checkpoints of topics (name, id), and park the messages that the broker refused.

    Raises `Overtaken`.
    """
    names = sorted(_name(topic, topic_id) for topic, topic_id in topics)
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(
            """update events_checkpoint set position = %s, updated_at = now()
               where name = any(%s) and position = %s""",
            [to, names, start_],
        )
        if cursor.rowcount != len(names):
            raise Overtaken(", ".join(names))
        stored_messages.park(cursor, refused)


def _name(topic: str, topic_id: str) -> str:
    return f"{_PREFIX}{topic}:{topic_id}"

"""Positions per topic id and partition, in the database, moved in the transaction that posts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection, transaction

from events.kafka.errors import LostPartition, Partition


class Move(NamedTuple):
    """A move of a partition's position, from the start of the fetch to the next offset.

    `end` is the partition's end as last seen, from which lag is computed.
    """

    topic_id: str
    partition: int
    topic: str
    start: int
    next: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The next offset. With an `alarm`, an operator has to release it first."""

    next: int
    alarm: str | None


def open_positions(topic: str, topic_id: str, partitions: Sequence[int]) -> dict[Partition, Position]:
    """Return the positions of a topic's partitions. New partitions start at 0."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """insert into events_kafka_position
                   (topic_id, partition, topic, next_offset, end_offset, updated_at)
               select %s, n, %s, 0, 0, now() from unnest(%s::int[]) n order by n
               on conflict do nothing""",
            [topic_id, topic, sorted(partitions)],
        )
        cursor.execute(
            """select partition, next_offset, alarm from events_kafka_position
               where topic_id = %s and partition = any(%s)""",
            [topic_id, list(partitions)],
        )
        return {(topic, row[0]): Position(next=row[1], alarm=row[2]) for row in cursor.fetchall()}


def advance(cursor: Any, moves: Sequence[Move]) -> None:
    """Move the positions if each is still where its fetch started. Raises `LostPartition`.

    Runs first in the transaction that posts the messages.
    """
    ordered = sorted(moves)
    ids, numbers = [move.topic_id for move in ordered], [move.partition for move in ordered]
    cursor.execute(
        """select p.topic_id::text, p.partition, p.next_offset
           from events_kafka_position p
           join unnest(%s::uuid[], %s::int[]) as v(topic_id, partition) using (topic_id, partition)
           where p.alarm is null
           order by p.topic_id, p.partition for no key update of p""",
        [ids, numbers],
    )
    found = {(row[0], row[1]): row[2] for row in cursor.fetchall()}
    lost = [
        (move.topic, move.partition)
        for move in ordered
        if found.get((move.topic_id, move.partition)) != move.start
    ]
    if lost:
        raise LostPartition(lost)
    cursor.execute(
        """update events_kafka_position p set next_offset = v.next, end_offset = v.last, updated_at = now()
           from unnest(%s::uuid[], %s::int[], %s::bigint[], %s::bigint[])
               as v(topic_id, partition, next, last)
           where p.topic_id = v.topic_id and p.partition = v.partition""",
        [ids, numbers, [move.next for move in ordered], [move.end for move in ordered]],
    )


def raise_alarm(topic_id: str, partition: int, reason: str) -> None:
    """Set an alarm on a partition that cannot be read further. It waits for an operator."""
    with connection.cursor() as cursor:
        cursor.execute(
            """update events_kafka_position set alarm = %s, alarmed_at = now()
               where topic_id = %s and partition = %s and alarm is null""",
            [reason, topic_id, partition],
        )


def clear_alarm(topic: str, partition: int, offset: int) -> int | None:
    """Continue at an offset; return the previous one, or None if the partition has no alarm."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """select topic_id, next_offset from events_kafka_position
               where topic = %s and partition = %s and alarm is not null
               order by alarmed_at desc limit 1 for update""",
            [topic, partition],
        )
        found = cursor.fetchone()
        if found is None:
            return None
        cursor.execute(
            """update events_kafka_position
               set next_offset = %s, alarm = null, alarmed_at = null, updated_at = now()
               where topic_id = %s and partition = %s""",
            [offset, found[0], partition],
        )
        return int(found[1])


class StoredPosition(NamedTuple):
    """A stored position."""

    topic: str
    topic_id: str
    partition: int
    next: int
    end: int
    alarm: str | None


def read_all() -> list[StoredPosition]:
    """Return all positions, including those of topics that were recreated."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select topic, topic_id::text, partition, next_offset, end_offset, alarm
               from events_kafka_position order by topic, updated_at, partition"""
        )
        return [StoredPosition(*row) for row in cursor.fetchall()]


def note_ends(ends: Iterable[tuple[str, int, int]]) -> None:
    """Store the ends of partitions by topic id and number, so that lag is known while nothing is read."""
    known = sorted(ends)
    with connection.cursor() as cursor:
        cursor.execute(
            """update events_kafka_position p set end_offset = v.last
               from unnest(%s::uuid[], %s::int[], %s::bigint[]) as v(topic_id, partition, last)
               where p.topic_id = v.topic_id and p.partition = v.partition and p.end_offset <> v.last""",
            [[row[0] for row in known], [row[1] for row in known], [row[2] for row in known]],
        )

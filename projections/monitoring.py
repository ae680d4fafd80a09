"""Measures how far the ledger lags: unread, unpublished, waiting and parked messages.

Everything is read from the database, so every process reports the same, whichever of them does the work.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection

from easyautoml_ledger.topics import BILLING_DEAD_LETTERS
from events import heartbeats
from events.heartbeats import WorkerState
from projections.checkpoints import PREFIX


class PartitionLag(NamedTuple):
    """A partition of an incoming topic: its unread messages, and whether it waits for an operator."""

    topic: str
    partition: int
    lag: int
    alarmed: bool


class Unpublished(NamedTuple):
    """An outgoing topic: settled positions not published yet, and the age of the oldest event (seconds)."""

    topic: str
    lag: int
    age_seconds: float


class StoredMessages(NamedTuple):
    """Stored messages of a topic under one code, and the age of the oldest (seconds)."""

    topic: str
    code: str
    number: int
    age_seconds: float


class WorkDone(NamedTuple):
    """The number of outcomes of workers with a name since the ledger was installed."""

    worker: str
    outcome: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """The current measurements."""

    settled: int
    unsettled: int
    """Number of positions above the settled one."""
    partitions: Sequence[PartitionLag]
    unpublished: Sequence[Unpublished]
    projections: Sequence[tuple[str, int]]
    """Per projection, the number of settled positions that it has not read."""
    dead_letters: Sequence[StoredMessages]
    """Open dead letters."""
    waiting: Sequence[StoredMessages]
    done: Sequence[WorkDone]
    workers: Sequence[WorkerState]

    @property
    def lag(self) -> int:
        """Return the number of unread messages."""
        return sum(partition.lag for partition in self.partitions)

    @property
    def replayed(self) -> int:
        """Return the number of messages that arrived again and changed nothing."""
        return sum(each.number for each in self.done if each.outcome == "duplicate")


def read() -> Measurements:
    """Take the measurements by a few small queries, which read one event of the log per outgoing topic."""
    with connection.cursor() as cursor:
        ((settled, last),) = _rows(
            cursor,
            """select coalesce((select position from events_settled where id = 1), 0),
                      coalesce((select max(position) from events_event), 0)""",
        )
        return Measurements(
            settled=settled,
            unsettled=max(last - settled, 0),
            partitions=[PartitionLag(*row) for row in _rows(cursor, _PARTITIONS)],
            unpublished=[Unpublished(row[0], row[1], float(row[2])) for row in _rows(cursor, _UNPUBLISHED)],
            projections=[(row[0], row[1]) for row in _rows(cursor, _PROJECTIONS)],
            dead_letters=_stored(cursor, _DEAD_LETTERS),
            waiting=_stored(cursor, _WAITING),
            workers=heartbeats.read(),
            done=[
                WorkDone(*row)
                for row in _rows(cursor, "select worker, outcome, count from events_tally order by 1, 2")
            ],
        )


# A recreated topic keeps its name, and its old positions remain.
_PARTITIONS = """
    select topic, partition, greatest(end_offset - next_offset, 0), alarm is not null
    from (select distinct on (topic, partition) * from events_kafka_position
          order by topic, partition, updated_at desc) newest
    order by topic, partition"""

# A relay's checkpoint is named `relay:<topic>:<topic id>`. Dead letters have no position in the log.
_UNPUBLISHED = f"""
    select topic, greatest(settled.position - newest.position, 0),
           coalesce((select extract(epoch from now() - e.recorded_at) from events_event e
                     where e.position > newest.position order by e.position limit 1), 0)
    from (select distinct on (1) split_part(name, ':', 2) as topic, position from events_checkpoint
          where name like 'relay:%:%' and name not like 'relay:{BILLING_DEAD_LETTERS}:%'
          order by 1, updated_at desc) newest,
         events_settled settled
    order by topic"""  # noqa: S608 (a fixed name)

_PROJECTIONS = f"""
    select substr(c.name, {len(PREFIX) + 1}), greatest(s.position - c.position, 0)
    from events_checkpoint c, events_settled s where starts_with(c.name, '{PREFIX}') order by 1"""  # noqa: S608 (a fixed name)

_DEAD_LETTERS = """
    select topic, code, count(*), extract(epoch from now() - min(stored_at))
    from events_dead_letter where state = 'open' group by 1, 2 order by 1, 2"""

_WAITING = """
    select topic, code, count(*), extract(epoch from now() - min(stored_at))
    from events_waiting group by 1, 2 order by 1, 2"""


def _stored(cursor: Any, query: str) -> list[StoredMessages]:
    rows = _rows(cursor, query)
    return [StoredMessages(topic, code, number, float(age)) for topic, code, number, age in rows]


def _rows(cursor: Any, query: str) -> list[tuple[Any, ...]]:
    cursor.execute(query)
    found: list[tuple[Any, ...]] = cursor.fetchall()
    return found

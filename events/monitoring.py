"""What an operator watches: how far the ledger lags, what is not told, what stands aside.

From the database alone, so that every process of the ledger can tell it, whichever of them does the work.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection


class PartitionLag(NamedTuple):
    """A partition of an incoming topic: messages not read yet, and whether it waits for an operator."""

    topic: str
    partition: int
    lag: int
    alarmed: bool


class Untold(NamedTuple):
    """An outgoing topic: settled positions that were not told, and the age of the oldest event (s)."""

    topic: str
    lag: int
    age_seconds: float


class SetAside(NamedTuple):
    """Messages of a topic that stand aside under a code, and the age of the oldest (s)."""

    topic: str
    code: str
    number: int
    age_seconds: float


class Done(NamedTuple):
    """What workers of a name did since the ledger was installed."""

    worker: str
    outcome: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """As they stand now."""

    settled: int
    unsettled: int
    """Positions behind the settled one."""
    partitions: Sequence[PartitionLag]
    untold: Sequence[Untold]
    projections: Sequence[tuple[str, int]]
    """How many settled positions each projection has not read."""
    dead_letters: Sequence[SetAside]
    """Those that nobody dealt with."""
    waiting: Sequence[SetAside]
    done: Sequence[Done]

    @property
    def lag(self) -> int:
        """Messages that were not read yet."""
        return sum(partition.lag for partition in self.partitions)

    @property
    def replayed(self) -> int:
        """Messages that came once more, and changed nothing."""
        return sum(each.number for each in self.done if each.outcome == "duplicate")


def read() -> Measurements:
    """A few small queries, none over the log itself beyond one event per outgoing topic."""
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
            untold=[Untold(row[0], row[1], float(row[2])) for row in _rows(cursor, _UNTOLD)],
            projections=[(row[0], row[1]) for row in _rows(cursor, _PROJECTIONS)],
            dead_letters=_aside(cursor, _DEAD_LETTERS),
            waiting=_aside(cursor, _WAITING),
            done=[
                Done(*row)
                for row in _rows(cursor, "select worker, outcome, count from events_tally order by 1, 2")
            ],
        )


# Topics keep their name when they are made anew, and their old positions stay.
_PARTITIONS = """
    select topic, partition, greatest(end_offset - next_offset, 0), alarm is not null
    from (select distinct on (topic, partition) * from events_kafka_position
          order by topic, partition, updated_at desc) newest
    order by topic, partition"""

# A relay's checkpoint is named `relay:<topic>:<topic id>`; dead letters have no position in the log.
_UNTOLD = """
    select topic, greatest(settled.position - newest.position, 0),
           coalesce((select extract(epoch from now() - e.recorded_at) from events_event e
                     where e.position > newest.position order by e.position limit 1), 0)
    from (select distinct on (1) split_part(name, ':', 2) as topic, position from events_checkpoint
          where name like 'relay:%:%' and name not like 'relay:billing.dead-letters:%'
          order by 1, updated_at desc) newest,
         events_settled settled
    order by topic"""

_PROJECTIONS = """
    select substr(c.name, 12), greatest(s.position - c.position, 0)
    from events_checkpoint c, events_settled s where starts_with(c.name, 'projection:') order by 1"""

_DEAD_LETTERS = """
    select topic, code, count(*), extract(epoch from now() - min(stored_at))
    from events_dead_letter where state = 'open' group by 1, 2 order by 1, 2"""

_WAITING = """
    select topic, code, count(*), extract(epoch from now() - min(stored_at))
    from events_waiting group by 1, 2 order by 1, 2"""


def _aside(cursor: Any, query: str) -> list[SetAside]:
    return [SetAside(topic, code, number, float(age)) for topic, code, number, age in _rows(cursor, query)]


def _rows(cursor: Any, query: str) -> list[tuple[Any, ...]]:
    cursor.execute(query)
    found: list[tuple[Any, ...]] = cursor.fetchall()
    return found

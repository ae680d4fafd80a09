"""The figures on the first page of the administration: few, cheap to read, and from one snapshot."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.db import connection
from django.utils import timezone

from events.heartbeats import WorkerState
from ledger.domain.money import text
from projections import checkpoints, monitoring
from projections.monitoring import Measurements, Unpublished
from projections.verification.rows import last_entry_id
from projections.verification.snapshot import one_snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class KindToday:
    """The numbers of operations of a kind that were recorded and rejected today."""

    kind: str
    recorded: int
    rejected: int

    @property
    def label(self) -> str:
        """The kind with spaces for underscores."""
        return self.kind.replace("_", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicIn:
    """An incoming topic: its unread messages, and its partitions that are stopped until an operator acts."""

    topic: str
    partitions: int
    lag: int
    alarmed: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """The figures of the first page."""

    day: date
    kinds: Sequence[KindToday]
    differences: Sequence[tuple[str, str, bool]]
    """Debits minus credits: the currency, the amount as text, and True if it is zero, as it must be."""
    settled: int
    """The settled position."""
    highest: int
    """The position of the last event."""
    projections: Sequence[tuple[str, int, int]]
    """Each projection with its position and the number of positions that it is behind the settled one."""
    dead_letters: int
    waiting: int
    proposals: int
    """The number of proposals that wait for a second person."""
    kafka: Measurements
    """The ledger's lag behind Kafka, and what it has not published."""

    @property
    def unread_messages(self) -> int:
        """The number of messages of incoming topics that were not read yet."""
        return self.kafka.lag

    @property
    def duplicates(self) -> int:
        """The number of messages that were delivered again and changed nothing."""
        return self.kafka.replayed

    @property
    def workers(self) -> Sequence[WorkerState]:
        """Every worker with the number of its processes that are alive."""
        return self.kafka.workers

    @property
    def ended_workers(self) -> Sequence[str]:
        """The workers of which no process is alive."""
        return [worker.worker for worker in self.kafka.workers if not worker.alive]

    @property
    def topics_out(self) -> Sequence[Unpublished]:
        """The outgoing topics with what was not published yet."""
        return self.kafka.unpublished

    @property
    def topics_in(self) -> Sequence[TopicIn]:
        """The incoming topics, with their partitions counted."""
        by_topic = groupby(self.kafka.partitions, key=lambda partition: partition.topic)
        return [
            TopicIn(
                topic=topic,
                partitions=len(found),
                lag=sum(partition.lag for partition in found),
                alarmed=[partition.partition for partition in found if partition.alarmed],
            )
            for topic, found in ((topic, list(partitions)) for topic, partitions in by_topic)
        ]

    @property
    def recorded(self) -> int:
        """Operations recorded today."""
        return sum(kind.recorded for kind in self.kinds)

    @property
    def rejected(self) -> int:
        """Operations rejected today."""
        return sum(kind.rejected for kind in self.kinds)


def dashboard() -> Dashboard:
    """Read the figures. A day is a day in UTC."""
    day = timezone.now().date()
    with one_snapshot(), connection.cursor() as cursor:
        positions = checkpoints.read(cursor)
        settled = _single_value(cursor, "select position from events_settled where id = 1") or 0
        return Dashboard(
            day=day,
            kinds=_kinds(cursor, day),
            differences=[
                (currency, text(difference), difference == 0)
                for currency, difference in _differences(cursor, positions.get("platform", 0))
            ],
            settled=settled,
            highest=_single_value(cursor, "select coalesce(max(position), 0) from events_event"),
            projections=[
                (name, position, max(settled - position, 0)) for name, position in sorted(positions.items())
            ],
            dead_letters=_single_value(
                cursor, "select count(*) from events_dead_letter where state = 'open'"
            ),
            waiting=_single_value(cursor, "select count(*) from events_waiting"),
            proposals=_single_value(
                cursor, "select count(*) from ledger_proposal where state = 'open' and expires_at > now()"
            ),
            kafka=monitoring.read(),
        )


def _kinds(cursor: Any, day: date) -> list[KindToday]:
    cursor.execute(
        """select kind, recorded, rejected from projections_activity
           where day = %s order by recorded desc, kind""",
        [day],
    )
    return [KindToday(kind=row[0], recorded=row[1], rejected=row[2]) for row in cursor.fetchall()]


def _differences(cursor: Any, projected: int) -> list[tuple[str, Decimal]]:
    """Return debits minus credits by currency.

    Balances of users are read from their accounts, those of the platform from the projection, which has
    read the log up to `projected`, and from the entries after it.
    """
    cursor.execute(
        """select sides.currency, sum(sides.delta)
           from (select currency, sum(case normal_side when 'D' then balance else -balance end) as delta
                 from ledger_account where user_id is not null group by currency
                 union all
                 select currency, sum(debits - credits) from projections_platform_balance group by currency
                 union all
                 select e.currency, sum(case e.side when 'D' then e.amount else -e.amount end)
                 from models_entry e where e.id > %s and e.account_version is null group by e.currency
                ) sides
           group by sides.currency order by sides.currency desc""",
        [last_entry_id(projected)],
    )
    return list(cursor.fetchall())


def _single_value(cursor: Any, query: str) -> Any:
    cursor.execute(query)
    row = cursor.fetchone()
    return None if row is None else row[0]

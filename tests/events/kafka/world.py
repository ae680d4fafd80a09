"""Publishers and listeners like those of other teams, and the ledger's workers in threads of the test."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import uuid4

from django.conf import settings
from django.db import connection
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from pydantic import BaseModel

from easyautoml_ledger import topics
from easyautoml_ledger.envelope import CloudEvent, parse, to_kafka
from easyautoml_ledger.operations import MODEL_OF_KIND, Operation
from easyautoml_ledger.payloads import parse_payload
from events.kafka.feeds import Feed
from events.kafka.handler import MessageHandler
from events.kafka.ingest import Ingest
from events.kafka.leadership import Leadership
from events.kafka.relay import Relay
from events.worker import Stop
from ledger.feeds.balances import BalanceFeed
from ledger.feeds.outcomes import OutcomeFeed
from ledger.intake import waiting
from ledger.intake.messages import ROUTES
from tests.connections import Worker, until

TRAINING: Final = topics.TRAINING_SERVICE
MARKETPLACE: Final = topics.MARKETPLACE_SERVICE

_SOURCE_OF: Final = {
    topics.TRAINING_OPERATIONS: TRAINING,
    topics.MARKETPLACE_OPERATIONS: MARKETPLACE,
}


class Sent(NamedTuple):
    """The id of a sent message, and where it is in the topic."""

    id: str
    topic: str
    partition: int
    offset: int


class Publisher:
    """A service that publishes. Every message is acknowledged before `send` returns."""

    def __init__(self, **options: Any) -> None:
        self._producer = KafkaProducer(
            bootstrap_servers=settings.ENVIRONMENT.kafka_bootstrap_servers,
            max_request_size=20_000_000,
            **options,
        )

    def operation(self, kind: str, user: int, *, id: str | None = None, **fields: Any) -> Sent:  # noqa: A002
        """Send an operation in binary mode, on the topic of its kind."""
        topic = MODEL_OF_KIND[kind].topics[0]
        (sent,) = self.operations([(kind, user, {"id": id, **fields})], topic=topic)
        return sent

    def operations(
        self, operations: Sequence[tuple[str, int, Mapping[str, Any]]], *, topic: str | None = None
    ) -> list[Sent]:
        """Send many operations at once: kind, user, and the fields of each."""
        futures = []
        for kind, user, fields in operations:
            on = topic or MODEL_OF_KIND[kind].topics[0]
            data = {"type": kind, "operation_user": user, **fields}
            event = self.event(on, data, id=data.pop("id", None))
            headers, value = to_kafka(event)
            futures.append((event.id, self._producer.send(on, value, str(user).encode(), headers)))
        self._producer.flush()
        return [_sent(id_, future) for id_, future in futures]

    @staticmethod
    def event(
        topic: str,
        data: Any,
        *,
        id: str | None = None,  # noqa: A002
        source: str | None = None,
        type: str = Operation.event_type,  # noqa: A002
    ) -> CloudEvent:
        """Return an event of the service that publishes on the topic."""
        return CloudEvent(
            id=id or str(uuid4()),
            source=source or _SOURCE_OF[topic],
            type=type,
            data=data if isinstance(data, bytes) else json.dumps(data).encode(),
            time=datetime.now(UTC),
        )

    def send(self, topic: str, event: CloudEvent, *, key: bytes = b"1") -> Sent:
        """Send an event in binary mode."""
        headers, value = to_kafka(event)
        return self.raw(topic, value, headers, key=key, id=event.id)

    def structured(self, topic: str, event: CloudEvent, *, key: bytes = b"1") -> Sent:
        """Send an event in structured mode."""
        value = {
            "specversion": "1.0",
            "id": event.id,
            "source": event.source,
            "type": event.type,
            "datacontenttype": "application/json",
            "data": json.loads(event.data),
        }
        headers = [("content-type", b"application/cloudevents+json; charset=utf-8")]
        return self.raw(topic, json.dumps(value).encode(), headers, key=key, id=event.id)

    def raw(
        self,
        topic: str,
        value: bytes | None,
        headers: list[tuple[str, bytes]],
        *,
        key: bytes | None = b"1",
        id: str = "",  # noqa: A002
        partition: int | None = None,
    ) -> Sent:
        """Send bytes unchanged."""
        return _sent(id, self._producer.send(topic, value, key, headers, partition))

    def close(self) -> None:
        self._producer.close()


class Heard(NamedTuple):
    """A message on an outgoing topic: its key and headers, the event, and its payload."""

    key: bytes | None
    headers: dict[str, bytes]
    event: CloudEvent
    payload: Any
    partition: int


def heard(topic: str) -> list[Heard]:
    """Return everything on an outgoing topic, as a listener of another team reads it."""
    return [
        Heard(record.key, dict(record.headers), event, parse_payload(event), record.partition)
        for record in records(topic)
        for event in [parse(record.headers, record.value)]
    ]


def records(topic: str) -> list[Any]:
    """Return every committed record of a topic, partition by partition."""
    consumer: Any = KafkaConsumer(
        bootstrap_servers=settings.ENVIRONMENT.kafka_bootstrap_servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        fetch_max_wait_ms=50,
    )
    found: list[Any] = []
    try:
        partitions = [TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic))]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        quiet = 0
        while quiet < 3:
            batch = consumer.poll(timeout_ms=150)
            quiet = 0 if batch else quiet + 1
            found += [record for tp in sorted(batch) for record in batch[tp]]
    finally:
        consumer.close()
    return sorted(found, key=lambda record: (record.partition, record.offset))


@contextmanager
def ingesting(
    *,
    batch: int = 1000,
    routes: Mapping[str, MessageHandler] = ROUTES,
    alone: bool = True,
    drain: float = 0.0,
) -> Iterator[Worker]:
    """Run an ingest worker until the block ends, and stop it like SIGTERM."""
    stop = Stop()
    ingest = Ingest(routes=routes, batch=batch, stop=stop, chores=[waiting.sweep], alone=alone, drain=drain)
    worker = Worker(ingest.run)
    try:
        yield worker
    finally:
        stop.ask()
        worker.answer(15)


def make_relay(stop: Stop | None = None, **options: Any) -> Relay:
    """Return a relay of the ledger's own feeds."""
    feeds: Sequence[Feed] = [OutcomeFeed(), BalanceFeed()]
    return Relay(
        feeds=options.pop("feeds", feeds),
        dead_letter_topic=topics.BILLING_DEAD_LETTERS,
        transactional_id=options.pop("transactional_id", "tests-relay"),
        stop=stop or Stop(),
        leadership=Leadership(patience=options.pop("patience", 15.0)),
        **options,
    )


@contextmanager
def relaying(**options: Any) -> Iterator[Worker]:
    """Run a relay until the block ends."""
    stop = Stop()
    worker = Worker(make_relay(stop, **options).run)
    try:
        yield worker
    finally:
        stop.ask()
        worker.answer(15)


def rows(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, list(parameters))
        return list(cursor.fetchall())


def processed(topic: str) -> int:
    """Return the number of offsets of a topic that the ledger has processed."""
    found = rows("select coalesce(sum(next_offset), 0) from events_kafka_position where topic = %s", topic)
    return int(found[0][0])


def wait_for(count: int, *, seconds: float = 30) -> None:
    """Wait until the ledger has processed this many messages of the two topics of operations."""
    until(
        lambda: processed(topics.TRAINING_OPERATIONS) + processed(topics.MARKETPLACE_OPERATIONS) >= count,
        seconds,
    )


def events(type_: str | None = None) -> list[tuple[str, str]]:
    """Return source and request id of all operation events, in the order of the log."""
    return [
        (source, request_id)
        for source, request_id in rows(
            """select metadata->>'source', metadata->>'request_id' from events_event
               where type like 'operation.%%' and (%s::text is null or type = %s) order by position""",
            type_,
            type_,
        )
    ]


def parked() -> list[tuple[str, int, int, str]]:
    """Return topic, partition, offset and code of all dead letters, in order."""
    return [
        (topic, partition, offset, code)
        for topic, partition, offset, code in rows(
            """select topic, partition, "offset", code from events_dead_letter order by 1, 2, 3"""
        )
    ]


def waiting_for() -> list[str]:
    """Return what the waiting messages wait for."""
    return [row[0] for row in rows("select waits_for from events_waiting order by id")]


def checkpoint(topic: str) -> int:
    """Return the position up to which a topic was published; -1 before the first message."""
    found = rows("select max(position) from events_checkpoint where starts_with(name, %s)", f"relay:{topic}:")
    return -1 if found[0][0] is None else int(found[0][0])


def wait_until_published(topic: str = topics.BILLING_OPERATIONS, *, seconds: float = 20) -> None:
    """Wait until the relay has published everything to a topic."""

    def published() -> bool:
        last: int = rows("select max(position) from events_event")[0][0]
        return checkpoint(topic) >= last

    until(published, seconds)


def payloads(topic: str, kind: type[BaseModel]) -> list[Any]:
    """Return the payloads of one model on an outgoing topic."""
    return [message.payload for message in heard(topic) if isinstance(message.payload, kind)]


def _sent(id_: str, future: Any) -> Sent:
    acknowledged = future.get(timeout=10)
    return Sent(id_, acknowledged.topic, acknowledged.partition, acknowledged.offset)

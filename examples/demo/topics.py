"""Reads whole topics, from the beginning to their current end."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from easyautoml_ledger.envelope import parse
from easyautoml_ledger.errors import ContractError
from easyautoml_ledger.holds import HoldCaptured, HoldRequested, HoldVoided
from easyautoml_ledger.operations import KINDS
from examples.demo.deadline import Deadline
from examples.demo.errors import DemoFailed
from examples.demo.expectation import HOLD

HOLD_TYPES: Final = frozenset({HoldRequested.event_type, HoldCaptured.event_type, HoldVoided.event_type})


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message. `key` is its source and id if it has an envelope, and `kind` that of its payload."""

    topic: str
    partition: int
    offset: int
    key: tuple[str, str] | None
    kind: str | None


def read_topics(names: Sequence[str], bootstrap_servers: str, *, seconds: float = 20) -> list[Message]:
    """Return every message of the topics, in order within each partition. Raises `DemoFailed`."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    deadline = Deadline(seconds)
    try:
        partitions = [
            TopicPartition(name, number)
            for name in names
            for number in sorted(consumer.partitions_for_topic(name) or ())
        ]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(partitions)
        messages = []
        while any((consumer.position(partition) or 0) < end for partition, end in ends.items()):
            if deadline.passed:
                raise DemoFailed(f"{', '.join(names)} could not be read to the end in {seconds:g} s")
            for records in consumer.poll(timeout_ms=200).values():
                messages += [_message_of(record) for record in records]
        return messages
    finally:
        consumer.close()


def _message_of(record: ConsumerRecord) -> Message:
    value: bytes | None = record.value
    kind, key = _kind_in(value), None
    try:
        event = parse(record.headers, value)
    except ContractError:
        pass
    else:
        kind = HOLD if event.type in HOLD_TYPES else _kind_in(event.data)
        key = (event.source, event.id)
    return Message(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=key,
        kind=kind,
    )


def _kind_in(payload: bytes | None) -> str | None:
    try:
        found = json.loads(payload or b"")
    except ValueError:
        return None
    kind = found.get("type") if isinstance(found, dict) else None
    return kind if kind in KINDS else None

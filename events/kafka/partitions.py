"""The partitions that this worker owns, and its position in each of them."""

import logging
import time
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import (
    IllegalStateError,
    KafkaError,
    LogTruncationError,
    OffsetOutOfRangeError,
)
from kafka.structs import OffsetAndMetadata

from events.kafka import positions
from events.kafka.errors import Partition
from events.kafka.message import Message
from events.kafka.topics import TopicIds
from events.kafka.unreadable import CONTENT_ERRORS, unreadable_partitions

log = logging.getLogger(__name__)

_RETRY_AFTER: Final = 2.0
_WAITS_TOO_LONG: Final = 30.0
_MAINTAIN_EVERY: Final = 1.0
_NOTE_ENDS_EVERY: Final = 5.0


@dataclass(slots=True)
class _Cursor:
    """The next offset to post in a partition, and the id of its topic."""

    topic_id: str
    next: int
    committed: int = -1
    """The offset last committed to the group, as a courtesy."""


class ConsumerBroken(Exception):
    """The consumer cannot parse what it fetched, and has to be replaced."""


class Partitions:
    """The owned partitions. A partition is paused until its position has been read from the database."""

    def __init__(self, ids: TopicIds) -> None:
        self._ids = ids
        self._cursors: dict[Partition, _Cursor] = {}
        self._retry_at: dict[Partition, float] = {}
        self._waiting_since: dict[Partition, float] = {}
        self._changed: deque[Partition] = deque()
        self._ends_noted_at = float("-inf")
        self._maintained_at = float("-inf")
        self._consumer: KafkaConsumer | None = None
        self._all: Sequence[str] = ()

    def join_group(self, consumer: KafkaConsumer, topics: Sequence[str]) -> None:
        """Read the partitions that the group assigns to this worker."""
        self._consumer = consumer
        consumer.subscribe(topics, listener=_Listener(consumer, self._changed))

    def read_all(self, consumer: KafkaConsumer, topics: Sequence[str]) -> None:
        """Read all partitions, without a group."""
        self._consumer = consumer
        self._all = topics
        self._maintained_at = float("-inf")

    def reset(self) -> None:
        """Forget everything about the closed consumer."""
        self._consumer = None
        self._all = ()
        self._changed.clear()
        self._cursors.clear()
        self._retry_at.clear()
        self._waiting_since.clear()

    def open_new(self) -> None:
        """Start reading newly assigned partitions, at their positions in the database."""
        while self._changed:
            partition = self._changed.popleft()
            self._cursors.pop(partition, None)
            self._retry_at.pop(partition, None)
        now = time.monotonic()
        assigned = self._assigned()
        new = [each for each in assigned - self._cursors.keys() if self._retry_at.get(each, 0.0) <= now]
        if not new:
            return
        ids = self._ids.look_up({topic for topic, _ in new})
        for topic in sorted({topic for topic, _ in new}):
            numbers = sorted(number for name, number in new if name == topic)
            if topic not in ids:
                log.warning("topic %s does not exist; `manage.py topics` creates it", topic)
                self._postpone((topic, number) for number in numbers)
                continue
            for partition, position in positions.open_positions(topic, ids[topic], numbers).items():
                if position.alarm is not None:
                    self._postpone([partition])
                else:
                    self._read_from(partition, _Cursor(ids[topic], position.next))

    def poll(self, timeout_ms: int, max_records: int) -> dict[Partition, list[Any]]:
        """Return fetched records. Raises `KafkaError` if no broker answers, or `ConsumerBroken`."""
        consumer = self._require_consumer()
        try:
            fetched = consumer.poll(timeout_ms=timeout_ms, max_records=max_records)
        except OffsetOutOfRangeError as error:
            self._out_of_range(error.args[0], "there is no message at offset {}: the topic lost messages")
            return {}
        except LogTruncationError as error:
            self._out_of_range(
                error.divergent_offsets, "the topic was truncated, and has other messages after {}"
            )
            return {}
        except CONTENT_ERRORS as error:
            raise ConsumerBroken(str(error)) from error
        except KafkaError:
            raise
        except Exception as error:  # each codec raises its own error
            raise ConsumerBroken(f"{type(error).__name__}: {error}") from error
        return {
            (tp.topic, tp.partition): records
            for tp, records in fetched.items()
            if (tp.topic, tp.partition) in self._cursors
        }

    def alarm_unreadable(self) -> None:
        """Find the partitions that cannot be read further, and raise an alarm on each."""
        starts = {partition: cursor.next for partition, cursor in self._cursors.items()}
        for partition, reason in unreadable_partitions(starts).items():
            self._alarm(partition, reason)

    def topic_id(self, partition: Partition) -> str | None:
        """Return the id of the topic that the position belongs to."""
        cursor = self._cursors.get(partition)
        return None if cursor is None else cursor.topic_id

    def owned(self, messages: Iterable[Message]) -> list[Message]:
        """Return the messages of partitions whose position is still known."""
        return [message for message in messages if (message.topic, message.partition) in self._cursors]

    def moves(self, messages: Iterable[Message]) -> list[positions.Move]:
        """Return the moves of the positions for these messages, which are owned and in order."""
        last = {(message.topic, message.partition): message.offset for message in messages}
        return [
            positions.Move(
                topic_id=self._cursors[partition].topic_id,
                partition=partition[1],
                topic=partition[0],
                start=self._cursors[partition].next,
                next=offset + 1,
                end=max(self._end(partition), offset + 1),
            )
            for partition, offset in last.items()
        ]

    def moved(self, moves: Iterable[positions.Move]) -> None:
        """Note that the moves are committed."""
        for move in moves:
            self._cursors[move.topic, move.partition].next = move.next
            self._waiting_since.pop((move.topic, move.partition), None)

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Continue from the positions in the database."""
        for partition in partitions:
            self._cursors.pop(partition, None)

    def forget_positions(self) -> None:
        self._cursors.clear()

    def delay(self, partition: Partition, reason: str) -> None:
        """Pause a partition for a moment while the others continue; log an error once it has waited long."""
        now = time.monotonic()
        waited = now - self._waiting_since.setdefault(partition, now)
        level = logging.ERROR if waited >= _WAITS_TOO_LONG else logging.WARNING
        log.log(level, "%s[%s] waits, for %.0f s so far: %s", *partition, waited, reason)
        self.forget([partition])
        self._postpone([partition])

    def maintain_if_due(self) -> None:
        """Do the periodic work, about every second, with or without messages."""
        now = time.monotonic()
        if now - self._maintained_at < _MAINTAIN_EVERY:
            return
        self._maintained_at = now
        self._assign_all()
        topics = {topic for topic, _ in self._cursors}
        if not topics:
            return
        ids = self._ids.look_up(topics)
        self.forget(
            [
                partition
                for partition, cursor in self._cursors.items()
                if ids.get(partition[0]) != cursor.topic_id
            ]
        )
        if not self._all:
            self._commit_to_group()
        if now - self._ends_noted_at >= _NOTE_ENDS_EVERY:
            self._ends_noted_at = now
            positions.note_ends(
                (cursor.topic_id, number, max(cursor.next, self._end((topic, number))))
                for (topic, number), cursor in self._cursors.items()
            )

    def _assign_all(self) -> None:
        if not self._all:
            return
        found = self._ids.describe(self._all)
        wanted = {TopicPartition(name, n) for name, topic in found.items() for n in range(topic.partitions)}
        consumer = self._require_consumer()
        assigned = consumer.assignment()
        if wanted != assigned:
            consumer.assign(sorted(wanted))
            self.forget((tp.topic, tp.partition) for tp in assigned - wanted)
            _pause_until_known(consumer, wanted - assigned, self._changed)

    def lag(self) -> int:
        """Return the number of unread messages, as far as fetches have reported it."""
        return sum(max(0, self._end(partition) - cursor.next) for partition, cursor in self._cursors.items())

    def __len__(self) -> int:
        return len(self._cursors)

    def _read_from(self, partition: Partition, cursor: _Cursor) -> None:
        consumer, tp = self._require_consumer(), TopicPartition(*partition)
        self._retry_at.pop(partition, None)
        self._cursors[partition] = cursor
        consumer.seek(tp, cursor.next)
        consumer.resume(tp)

    def _postpone(self, partitions: Iterable[Partition]) -> None:
        for partition in partitions:
            self._retry_at[partition] = time.monotonic() + _RETRY_AFTER
            self._require_consumer().pause(TopicPartition(*partition))

    def _out_of_range(self, offsets: Mapping[TopicPartition, Any], reason: str) -> None:
        for tp, found in offsets.items():
            partition = (tp.topic, tp.partition)
            cursor = self._cursors.get(partition)
            # A recreated topic has lost nothing: it is read from its beginning.
            if cursor is None or self._ids.look_up([tp.topic]).get(tp.topic) != cursor.topic_id:
                self.forget([partition])
                continue
            offset = found.offset if isinstance(found, OffsetAndMetadata) else found
            self._alarm(partition, reason.format(offset))

    def _alarm(self, partition: Partition, reason: str) -> None:
        cursor = self._cursors.pop(partition)
        log.error("%s[%s] is stopped at %s: %s", *partition, cursor.next, reason)
        positions.raise_alarm(cursor.topic_id, partition[1], reason)

    def _commit_to_group(self) -> None:
        uncommitted = {
            partition: cursor
            for partition, cursor in self._cursors.items()
            if cursor.next not in {cursor.committed, 0}
        }
        if uncommitted:
            offsets = {
                TopicPartition(*partition): OffsetAndMetadata(cursor.next, "", -1)
                for partition, cursor in uncommitted.items()
            }
            self._require_consumer().commit_async(offsets)  # type: ignore[unused-awaitable]
            for cursor in uncommitted.values():
                cursor.committed = cursor.next

    def _assigned(self) -> set[Partition]:
        return {(tp.topic, tp.partition) for tp in self._require_consumer().assignment()}

    def _end(self, partition: Partition) -> int:
        try:
            return self._require_consumer().highwater(TopicPartition(*partition)) or 0
        except IllegalStateError:  # the partition was revoked
            return 0

    def _require_consumer(self) -> KafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("there is no consumer")
        return self._consumer


class _Listener(ConsumerRebalanceListener):
    """Notes partitions that are assigned or revoked.

    Runs on the consumer's thread, so it must not use the database.
    """

    def __init__(self, consumer: KafkaConsumer, changed: deque[Partition]) -> None:
        self._consumer = consumer
        self._changed = changed

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        self._changed.extend((tp.topic, tp.partition) for tp in revoked)

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        _pause_until_known(self._consumer, assigned, self._changed)


def _pause_until_known(
    consumer: KafkaConsumer, partitions: Iterable[TopicPartition], changed: deque[Partition]
) -> None:
    """Pause partitions until their positions are known; seeking anywhere keeps Kafka's offsets unused."""
    for tp in partitions:
        consumer.pause(tp)
        consumer.seek(tp, 0)
        changed.append((tp.topic, tp.partition))

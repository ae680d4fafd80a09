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

_LOOK_AGAIN: Final = 2.0
_LOOK_AFTER_EVERY: Final = 1.0
_NOTE_ENDS_EVERY: Final = 5.0


@dataclass(slots=True)
class _Cursor:
    """The next offset to post in a partition, and the id of its topic."""

    topic_id: str
    next: int
    told: int = -1
    """The offset last committed to the group, as a courtesy."""


class MadeUnusable(Exception):
    """The consumer found something that it cannot read, and has to be replaced."""


class Partitions:
    """The owned partitions. A partition is paused until its position has been read from the database."""

    def __init__(self, ids: TopicIds) -> None:
        self._ids = ids
        self._places: dict[Partition, _Cursor] = {}
        self._retry_at: dict[Partition, float] = {}
        self._changed: deque[Partition] = deque()
        self._ends_noted_at = float("-inf")
        self._looked_after_at = float("-inf")
        self._consumer: KafkaConsumer | None = None
        self._all: Sequence[str] = ()

    def share(self, consumer: KafkaConsumer, topics: Sequence[str]) -> None:
        """Read the partitions that the group assigns to this worker."""
        self._consumer = consumer
        consumer.subscribe(topics, listener=_Listener(consumer, self._changed))

    def take_all(self, consumer: KafkaConsumer, topics: Sequence[str]) -> None:
        """Read all partitions, without a group."""
        self._consumer = consumer
        self._all = topics
        self._looked_after_at = float("-inf")

    def let_go(self) -> None:
        """Forget everything about the closed consumer."""
        self._consumer = None
        self._all = ()
        self._changed.clear()
        self._places.clear()
        self._retry_at.clear()

    def open_new(self) -> None:
        """Begin with newly assigned partitions, at their positions in the database."""
        while self._changed:
            partition = self._changed.popleft()
            self._places.pop(partition, None)
            self._retry_at.pop(partition, None)
        now = time.monotonic()
        assigned = self._assigned()
        new = [it for it in assigned - self._places.keys() if self._retry_at.get(it, 0.0) <= now]
        if not new:
            return
        ids = self._ids.look_up({topic for topic, _ in new})
        for topic in sorted({topic for topic, _ in new}):
            numbers = sorted(number for name, number in new if name == topic)
            if topic not in ids:
                log.warning("topic %s does not exist; `manage.py topics` makes it", topic)
                self._put_off((topic, number) for number in numbers)
                continue
            for partition, position in positions.open_positions(topic, ids[topic], numbers).items():
                if position.alarm is not None:
                    self._put_off([partition])
                else:
                    self._go_on(partition, _Cursor(ids[topic], position.next))

    def poll(self, timeout_ms: int, max_records: int) -> dict[Partition, list[Any]]:
        """Return fetched records. Raises `KafkaError` if no broker answers, or `MadeUnusable`."""
        consumer = self._the_consumer()
        try:
            fetched = consumer.poll(timeout_ms=timeout_ms, max_records=max_records)
        except OffsetOutOfRangeError as error:
            self._out_of_range(error.args[0], "there is nothing at offset {}: the topic lost messages")
            return {}
        except LogTruncationError as error:
            self._out_of_range(
                error.divergent_offsets, "the topic was cut off, and goes on otherwise after {}"
            )
            return {}
        except CONTENT_ERRORS as error:
            raise MadeUnusable(str(error)) from error
        except KafkaError:
            raise
        except Exception as error:  # each codec raises its own error
            raise MadeUnusable(f"{type(error).__name__}: {error}") from error
        return {
            (tp.topic, tp.partition): records
            for tp, records in fetched.items()
            if (tp.topic, tp.partition) in self._places
        }

    def alarm_unreadable(self) -> None:
        """Find the partitions that cannot be read further, and leave them to an operator."""
        starts = {partition: place.next for partition, place in self._places.items()}
        for partition, reason in unreadable_partitions(starts).items():
            self._alarm(partition, reason)

    def topic_id(self, partition: Partition) -> str | None:
        """Return the id of the topic that the position belongs to."""
        place = self._places.get(partition)
        return None if place is None else place.topic_id

    def still_ours(self, messages: Iterable[Message]) -> list[Message]:
        """Return the messages of partitions whose position is still known."""
        return [message for message in messages if (message.topic, message.partition) in self._places]

    def moves(self, messages: Iterable[Message]) -> list[positions.Move]:
        """Return the moves of the positions for these messages, which are owned and in order."""
        last = {(message.topic, message.partition): message.offset for message in messages}
        return [
            positions.Move(
                topic_id=self._places[partition].topic_id,
                partition=partition[1],
                topic=partition[0],
                start=self._places[partition].next,
                next=offset + 1,
                end=max(self._end(partition), offset + 1),
            )
            for partition, offset in last.items()
        ]

    def moved(self, moves: Iterable[positions.Move]) -> None:
        """Note that the moves are committed."""
        for move in moves:
            self._places[move.topic, move.partition].next = move.next

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Continue from the positions in the database."""
        for partition in partitions:
            self._places.pop(partition, None)

    def forget_positions(self) -> None:
        self._places.clear()

    def look_after_if_due(self) -> None:
        """Do the periodic work, about every second, with or without messages."""
        now = time.monotonic()
        if now - self._looked_after_at < _LOOK_AFTER_EVERY:
            return
        self._looked_after_at = now
        self._claim_all()
        topics = {topic for topic, _ in self._places}
        if not topics:
            return
        ids = self._ids.look_up(topics)
        self.forget([it for it, place in self._places.items() if ids.get(it[0]) != place.topic_id])
        if not self._all:
            self._tell_group()
        if now - self._ends_noted_at >= _NOTE_ENDS_EVERY:
            self._ends_noted_at = now
            positions.note_ends(
                (place.topic_id, number, max(place.next, self._end((topic, number))))
                for (topic, number), place in self._places.items()
            )

    def _claim_all(self) -> None:
        if not self._all:
            return
        found = self._ids.describe(self._all)
        wanted = {TopicPartition(name, n) for name, topic in found.items() for n in range(topic.partitions)}
        consumer = self._the_consumer()
        assigned = consumer.assignment()
        if wanted != assigned:
            consumer.assign(sorted(wanted))
            self.forget((tp.topic, tp.partition) for tp in assigned - wanted)
            _hold_back(consumer, wanted - assigned, self._changed)

    def lag(self) -> int:
        """Return the number of unread messages, as far as fetches have reported it."""
        return sum(max(0, self._end(it) - place.next) for it, place in self._places.items())

    def __len__(self) -> int:
        return len(self._places)

    def _go_on(self, partition: Partition, place: _Cursor) -> None:
        consumer, tp = self._the_consumer(), TopicPartition(*partition)
        self._retry_at.pop(partition, None)
        self._places[partition] = place
        consumer.seek(tp, place.next)
        consumer.resume(tp)

    def _put_off(self, partitions: Iterable[Partition]) -> None:
        for partition in partitions:
            self._retry_at[partition] = time.monotonic() + _LOOK_AGAIN
            self._the_consumer().pause(TopicPartition(*partition))

    def _out_of_range(self, offsets: Mapping[TopicPartition, Any], reason: str) -> None:
        for tp, found in offsets.items():
            partition = (tp.topic, tp.partition)
            place = self._places.get(partition)
            # A recreated topic has lost nothing: it is read from its beginning.
            if place is None or self._ids.look_up([tp.topic]).get(tp.topic) != place.topic_id:
                self.forget([partition])
                continue
            offset = found.offset if isinstance(found, OffsetAndMetadata) else found
            self._alarm(partition, reason.format(offset))

    def _alarm(self, partition: Partition, reason: str) -> None:
        place = self._places.pop(partition)
        log.error("%s[%s] stands still at %s: %s", *partition, place.next, reason)
        positions.raise_alarm(place.topic_id, partition[1], reason)

    def _tell_group(self) -> None:
        news = {it: place for it, place in self._places.items() if place.next not in {place.told, 0}}
        if news:
            offsets = {
                TopicPartition(*it): OffsetAndMetadata(place.next, "", -1) for it, place in news.items()
            }
            self._the_consumer().commit_async(offsets)  # type: ignore[unused-awaitable]
            for place in news.values():
                place.told = place.next

    def _assigned(self) -> set[Partition]:
        return {(tp.topic, tp.partition) for tp in self._the_consumer().assignment()}

    def _end(self, partition: Partition) -> int:
        try:
            return self._the_consumer().highwater(TopicPartition(*partition)) or 0
        except IllegalStateError:  # the partition was revoked
            return 0

    def _the_consumer(self) -> KafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("there is no consumer")
        return self._consumer


class _Listener(ConsumerRebalanceListener):
    """Note newly assigned partitions. Runs on the consumer's thread, so it must not use the database."""

    def __init__(self, consumer: KafkaConsumer, changed: deque[Partition]) -> None:
        self._consumer = consumer
        self._changed = changed

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        self._changed.extend((tp.topic, tp.partition) for tp in revoked)

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        _hold_back(self._consumer, assigned, self._changed)


def _hold_back(
    consumer: KafkaConsumer, partitions: Iterable[TopicPartition], changed: deque[Partition]
) -> None:
    """Pause partitions until their positions are known; any offset keeps Kafka's from being used."""
    for tp in partitions:
        consumer.pause(tp)
        consumer.seek(tp, 0)
        changed.append((tp.topic, tp.partition))

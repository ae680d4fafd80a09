"""The ends of the incoming partitions, asked by the relay, so that lag is known while no `ingest` runs."""

import logging
import time
from collections.abc import Sequence
from typing import Final

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from events.kafka import positions
from events.kafka.clients import make_reader
from events.kafka.topics import TopicIds

_log = logging.getLogger(__name__)

_EVERY: Final = 5.0
_CLOSE_MS: Final = 2_000
_FETCH_MS: Final = 200


class IncomingEnds:
    """Asks the broker for the ends of partitions of `topics`, and stores them. Failures are only logged."""

    def __init__(self, topics: Sequence[str], ids: TopicIds) -> None:
        self._topics = topics
        self._ids = ids
        self._consumer: KafkaConsumer | None = None
        self._noted_at = float("-inf")

    def note_if_due(self) -> None:
        """Store the ends, about every five seconds."""
        now = time.monotonic()
        if not self._topics or now - self._noted_at < _EVERY:
            return
        self._noted_at = now
        try:
            self.note()
        except KafkaError as error:
            _log.warning("the ends of the incoming topics are not known: %s", error)
            self.close()

    def note(self) -> None:
        """Store the ends. Partitions that no worker has read yet are stored as read up to 0."""
        found = self._ids.describe(self._topics)
        if not found:
            return
        if self._consumer is None:
            self._consumer = make_reader(client="relay-ends")
        partitions = [
            TopicPartition(name, number)
            for name, topic in found.items()
            for number in range(topic.partitions)
        ]
        ends = self._ends(self._consumer, partitions)
        for name, topic in sorted(found.items()):
            positions.open_positions(name, topic.id, range(topic.partitions))
        positions.note_ends(
            (found[partition.topic].id, partition.partition, end) for partition, end in ends.items()
        )

    @staticmethod
    def _ends(consumer: KafkaConsumer, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the ends: of a batch with several messages the embedded broker tells it only by a fetch."""
        ends: dict[TopicPartition, int] = consumer.end_offsets(list(partitions))
        consumer.assign(list(partitions))
        for partition, end in ends.items():
            consumer.seek(partition, end)
        consumer.poll(timeout_ms=_FETCH_MS, max_records=1)
        return {partition: max(end, consumer.highwater(partition) or 0) for partition, end in ends.items()}

    def close(self) -> None:
        """Close the connection to the broker."""
        if self._consumer is not None:
            self._consumer.close(timeout_ms=_CLOSE_MS)
            self._consumer = None

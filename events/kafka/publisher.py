"""A transactional producer: a batch appears as a whole, and earlier producers are fenced."""

import logging
import threading
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from kafka import KafkaProducer
from kafka.errors import (
    InvalidRecordError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)
from kafka.partitioner.default import murmur2
from kafka.producer.future import FutureRecordMetadata

from events.kafka.clients import discard, make_producer
from events.kafka.outgoing import Outgoing
from events.worker import Stop

log = logging.getLogger(__name__)

_COMMIT_SECONDS: Final = 10.0
_REFUSALS: Final = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidRecordError)


class RefusedByBroker(Exception):
    """The broker refuses one of these messages on every attempt."""


class Publisher:
    """A transactional producer, replaced after every failure, because it cannot recover."""

    def __init__(self, *, transactional_id: str, stop: Stop) -> None:
        self._transactional_id = transactional_id
        self._stop = stop
        self._producer: KafkaProducer | None = None

    def begin(self) -> bool:
        """Start a producer, which fences all others with the same id.

        Return False if there is one already.
        """
        if self._producer is not None:
            return False
        self._producer = make_producer(client="relay", transactional_id=self._transactional_id)
        return True

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish all messages, and wait for the broker. Raises `KafkaError` or `RefusedByBroker`.

        After an error it is unknown which messages were published, and there is no producer.
        """
        if self._producer is None:
            raise RuntimeError("no producer was started")
        sent: list[FutureRecordMetadata] = []
        try:
            self._producer.begin_transaction()
            send, partition_of = self._producer.send, _Partitions(self._producer).partition_of
            for topic, key, value, headers in messages:
                sent.append(send(topic, value, key, headers, partition_of(topic, key)))
            self._commit(self._producer)
            _check_all(sent)
        except KafkaError as error:
            self.close()
            refusal = error if isinstance(error, _REFUSALS) else _refusal_among(sent)
            if refusal is not None:
                raise RefusedByBroker(str(refusal)) from error
            raise

    def close(self) -> None:
        """Close the producer. The broker aborts an open transaction when the next producer starts."""
        if self._producer is not None:
            discard(self._producer)
            self._producer = None

    def _commit(self, producer: KafkaProducer) -> None:
        """Commit in a thread, because kafka-python waits for ever if the broker is gone."""
        done = threading.Event()
        errors: list[KafkaError] = []

        def commit() -> None:
            try:
                producer.commit_transaction()
            except KafkaError as error:
                errors.append(error)
            finally:
                done.set()

        threading.Thread(target=commit, name="relay-commit", daemon=True).start()
        until = time.monotonic() + _COMMIT_SECONDS
        while not done.wait(0.5):
            if time.monotonic() > until or self._stop.asked:
                raise KafkaTimeoutError("the broker did not confirm a transaction in time")
        if errors:
            raise errors[0]


class _Partitions:
    """Kafka's default partitioner, which hashes each key only once."""

    def __init__(self, producer: KafkaProducer) -> None:
        self._producer = producer
        self._counts: dict[str, int] = {}

    def partition_of(self, topic: str, key: bytes | None) -> int | None:
        if key is None:
            return None
        count = self._counts.get(topic)
        if count is None:
            count = self._counts[topic] = len(self._producer.partitions_for(topic))
        return (_hash(key) & 0x7FFF_FFFF) % count


_hash = lru_cache(maxsize=100_000)(murmur2)


def _check_all(sent: Sequence[FutureRecordMetadata]) -> None:
    """Raise the error of a message that was not published: a commit can succeed without it."""
    for future in sent:
        if not future.succeeded():
            raise future.exception or KafkaTimeoutError("a message was neither published nor refused")


def _refusal_among(sent: Sequence[FutureRecordMetadata]) -> BaseException | None:
    for future in sent:
        if future.is_done and isinstance(future.exception, _REFUSALS):
            return future.exception
    return None

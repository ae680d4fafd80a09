"""Listening to what the ledger tells. Needs the extra ``kafka`` (kafka-python).

A listener reads all partitions by itself, without a consumer group: it is ready in a
fraction of a second, and every process hears everything. It reads only while one of
its methods runs; they may be called from several threads.
"""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, Optional, TypeVar

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from typing_extensions import Self

from .envelope import CloudEvent, parse
from .errors import ContractError
from .inbox import BalanceInbox, OutcomeInbox, OutcomeTimeout
from .outcomes import Balance, Outcome
from .topics import BILLING_BALANCES, BILLING_OPERATIONS

log = logging.getLogger(__name__)

Heard = TypeVar("Heard")

_ROUND_SECONDS = 0.2
_LOOK_FOR_PARTITIONS_SECONDS = 30.0


class _Listener(ABC, Generic[Heard]):
    """Reads one topic from its beginning, or from where it ends now."""

    def __init__(
        self, *, bootstrap_servers: str, topic: str, from_beginning: bool, settings: dict[str, Any]
    ) -> None:
        self._topic = topic
        self._lock = threading.Lock()
        self._consumer = KafkaConsumer(
            **{
                "isolation_level": "read_committed",
                "fetch_max_wait_ms": 100,
                "metadata_max_age_ms": 30_000,
                **settings,
                "bootstrap_servers": bootstrap_servers,
                "group_id": None,
                "enable_auto_commit": False,
                # Where the position is no longer there, what is left is read from its start.
                "auto_offset_reset": "earliest",
            }
        )
        self._looked_at = time.monotonic()
        self._assign()
        if self._assigned() and not from_beginning:
            self._consumer.seek_to_end()
            for partition in self._consumer.assignment():
                self._consumer.position(partition)  # fixed now, not at the first poll

    def poll(self, *, timeout_seconds: float = _ROUND_SECONDS) -> list[Heard]:
        """What is new, in order for each payer; empty where nothing came within the time.

        What cannot be read is logged and left out.
        """
        with self._lock:
            return self._poll(timeout_seconds)

    def close(self) -> None:
        """Disconnects."""
        with self._lock:
            self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @abstractmethod
    def _take(self, event: CloudEvent) -> Optional[Heard]:
        """What is new in ``event``, if anything. Raises ``ContractError``."""

    def _take_tombstone(self, key: bytes) -> None:
        """By default nothing is kept by key."""

    def _until(self, find: Callable[[], Optional[Heard]], timeout_seconds: float) -> Optional[Heard]:
        """What ``find`` finds, reading on until it does or the time is over."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            with self._lock:
                found = find()
                left = deadline - time.monotonic()
                if found is not None or left <= 0:
                    return found
                self._poll(min(left, _ROUND_SECONDS))

    def _poll(self, timeout_seconds: float) -> list[Heard]:
        if time.monotonic() - self._looked_at > _LOOK_FOR_PARTITIONS_SECONDS or not self._assigned():
            self._assign()
        if not self._assigned():
            time.sleep(min(timeout_seconds, _ROUND_SECONDS))  # the topic is not there yet
            return []
        batches = self._consumer.poll(timeout_ms=int(timeout_seconds * 1000))
        read = (self._read(record) for records in batches.values() for record in records)
        return [heard for heard in read if heard is not None]

    def _assigned(self) -> bool:
        return bool(self._consumer.assignment())

    def _assign(self) -> None:
        """Takes on new partitions, from their beginning; the others keep their place."""
        self._looked_at = time.monotonic()
        numbers = self._consumer.partitions_for_topic(self._topic)
        partitions = {TopicPartition(self._topic, number) for number in numbers or ()}
        new = partitions - self._consumer.assignment()
        if new:
            self._consumer.assign(sorted(partitions | self._consumer.assignment()))
            self._consumer.seek_to_beginning(*new)

    def _read(self, record: ConsumerRecord) -> Optional[Heard]:
        if record.value is None:
            self._take_tombstone(record.key or b"")
            return None
        try:
            return self._take(parse(record.headers, record.value))
        except ContractError as error:
            # A type that is newer than this client is nothing to worry about.
            level = logging.DEBUG if error.code == "unsupported_type" else logging.WARNING
            place = f"{record.topic}/{record.partition}/{record.offset}"
            log.log(level, "cannot read %s: %s", place, error)
            return None


class OutcomeListener(_Listener[Outcome]):
    """Hears what became of operations, holds and payouts.

    Make it before you publish: it starts where the topic ends at that moment, unless
    ``from_beginning``. ``source`` is yours; with none, outcomes of all sources are heard
    and ``wait_for`` needs to be told which one.
    """

    def __init__(
        self,
        *,
        bootstrap_servers: str,
        source: Optional[str] = None,
        topic: str = BILLING_OPERATIONS,
        from_beginning: bool = False,
        keep: int = 100_000,
        **settings: Any,
    ) -> None:
        self._source = source
        self._inbox = OutcomeInbox(keep=keep)
        super().__init__(
            bootstrap_servers=bootstrap_servers,
            topic=topic,
            from_beginning=from_beginning,
            settings=settings,
        )

    def wait_for(
        self, request_id: str, *, source: Optional[str] = None, timeout_seconds: float = 30
    ) -> Outcome:
        """The outcome of what was sent with this id. Raises ``OutcomeTimeout``."""
        asked = source or self._source
        if asked is None:
            raise ValueError("pass source: an id is unique only within its source")
        found = self._until(lambda: self._inbox.find(request_id, source=asked), timeout_seconds)
        if found is None:
            raise OutcomeTimeout(f"no outcome of {request_id} in {timeout_seconds:g} s")
        return found

    def _take(self, event: CloudEvent) -> Optional[Outcome]:
        outcome = self._inbox.add(event)
        return outcome if outcome and self._source in {None, outcome.source} else None


class BalanceListener(_Listener[Balance]):
    """Keeps the latest balances of every user, and drops what is older than what it has."""

    def __init__(self, *, bootstrap_servers: str, topic: str = BILLING_BALANCES, **settings: Any) -> None:
        self._inbox = BalanceInbox()
        super().__init__(
            bootstrap_servers=bootstrap_servers, topic=topic, from_beginning=True, settings=settings
        )

    def get(self, user: int) -> Optional[Balance]:
        """The latest balances heard so far; reads nothing."""
        return self._inbox.get(user)

    def wait_for(self, user: int, *, version: int = 0, timeout_seconds: float = 30) -> Balance:
        """The user's balances of at least that version. Raises ``OutcomeTimeout``."""

        def find() -> Optional[Balance]:
            balance = self._inbox.get(user)
            return balance if balance is not None and balance.version >= version else None

        found = self._until(find, timeout_seconds)
        if found is None:
            raise OutcomeTimeout(f"no balances of user {user} in {timeout_seconds:g} s")
        return found

    def _take(self, event: CloudEvent) -> Optional[Balance]:
        return self._inbox.add(event)

    def _take_tombstone(self, key: bytes) -> None:
        if key.isdigit():
            self._inbox.forget(int(key))

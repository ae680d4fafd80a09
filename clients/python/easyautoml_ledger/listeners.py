"""Listeners to the ledger's messages. They need the extra ``kafka`` (kafka-python).

A listener reads all partitions itself, without a consumer group: it is ready in a fraction
of a second, and every process receives every message. It reads only while one of its methods
runs; they may be called from several threads.
"""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, Optional, TypeVar

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from typing_extensions import Self, override

from .envelope import CloudEvent, parse
from .errors import ContractError
from .inbox import BalanceInbox, OutcomeInbox, OutcomeTimeout
from .outcomes import Balance, Outcome
from .topics import BILLING_BALANCES, BILLING_OPERATIONS

log = logging.getLogger(__name__)

Received = TypeVar("Received")

_POLL_SECONDS = 0.2
_PARTITION_CHECK_SECONDS = 30.0


class _Listener(ABC, Generic[Received]):
    """Reads one topic from its beginning or from its current end."""

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
                # If the offset no longer exists, read from the oldest message left.
                "auto_offset_reset": "earliest",
            }
        )
        self._partitions_checked_at = time.monotonic()
        self._assign()
        if self._assigned() and not from_beginning:
            self._consumer.seek_to_end()
            for partition in self._consumer.assignment():
                self._consumer.position(partition)  # otherwise it is looked up at the first poll

    def poll(self, *, timeout_seconds: float = _POLL_SECONDS) -> list[Received]:
        """Return what was received within the time, in order for each payer.

        Messages that cannot be read are logged and left out.
        """
        with self._lock:
            return self._poll(timeout_seconds)

    def close(self) -> None:
        """Disconnect."""
        with self._lock:
            self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @abstractmethod
    def _receive(self, event: CloudEvent) -> Optional[Received]:
        """Store and return the content of ``event``, or None if it is not new.

        Raises ``ContractError``.
        """

    def _receive_tombstone(self, key: bytes) -> None:
        """Delete what is stored for ``key``. Does nothing unless overridden."""

    def _poll_until(
        self, find: Callable[[], Optional[Received]], timeout_seconds: float
    ) -> Optional[Received]:
        """Poll until ``find`` returns something or the time is over; return its result."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            with self._lock:
                found = find()
                left = deadline - time.monotonic()
                if found is not None or left <= 0:
                    return found
                self._poll(min(left, _POLL_SECONDS))

    def _poll(self, timeout_seconds: float) -> list[Received]:
        if time.monotonic() - self._partitions_checked_at > _PARTITION_CHECK_SECONDS or not self._assigned():
            self._assign()
        if not self._assigned():
            time.sleep(min(timeout_seconds, _POLL_SECONDS))  # the topic does not exist yet
            return []
        batches = self._consumer.poll(timeout_ms=int(timeout_seconds * 1000))
        received = (self._read(record) for records in batches.values() for record in records)
        return [each for each in received if each is not None]

    def _assigned(self) -> bool:
        return bool(self._consumer.assignment())

    def _assign(self) -> None:
        """Assign new partitions from their beginning; the others keep their position."""
        self._partitions_checked_at = time.monotonic()
        numbers = self._consumer.partitions_for_topic(self._topic)
        partitions = {TopicPartition(self._topic, number) for number in numbers or ()}
        new = partitions - self._consumer.assignment()
        if new:
            self._consumer.assign(sorted(partitions | self._consumer.assignment()))
            self._consumer.seek_to_beginning(*new)

    def _read(self, record: ConsumerRecord) -> Optional[Received]:
        if record.value is None:
            self._receive_tombstone(record.key or b"")
            return None
        try:
            return self._receive(parse(record.headers, record.value))
        except ContractError as error:
            # An event type that is newer than this client is not an error.
            level = logging.DEBUG if error.code == "unsupported_type" else logging.WARNING
            place = f"{record.topic}/{record.partition}/{record.offset}"
            log.log(level, "cannot read %s: %s", place, error)
            return None


class OutcomeListener(_Listener[Outcome]):
    """Receives the outcomes of operations, holds, payouts and chargebacks.

    Create it before you publish: it starts at the current end of the topic, unless
    ``from_beginning`` is true. ``source`` is your own; without it the listener receives the
    outcomes of all sources, and ``wait_for`` needs ``source``.
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
        """Return the outcome of the message with this id. Raises ``OutcomeTimeout``."""
        request_source = source or self._source
        if request_source is None:
            raise ValueError("pass source: an id is unique only within its source")
        found = self._poll_until(lambda: self._inbox.find(request_id, source=request_source), timeout_seconds)
        if found is None:
            raise OutcomeTimeout(f"no outcome of {request_id} in {timeout_seconds:g} s")
        return found

    @override
    def _receive(self, event: CloudEvent) -> Optional[Outcome]:
        outcome = self._inbox.add(event)
        return outcome if outcome and self._source in {None, outcome.source} else None


class BalanceListener(_Listener[Balance]):
    """Keeps the latest balances of every user; older ones that arrive later are dropped."""

    def __init__(self, *, bootstrap_servers: str, topic: str = BILLING_BALANCES, **settings: Any) -> None:
        self._inbox = BalanceInbox()
        super().__init__(
            bootstrap_servers=bootstrap_servers, topic=topic, from_beginning=True, settings=settings
        )

    def get(self, user: int) -> Optional[Balance]:
        """Return the latest balances received so far, without reading."""
        return self._inbox.get(user)

    def wait_for(self, user: int, *, version: int = 0, timeout_seconds: float = 30) -> Balance:
        """Return the user's balances once their version is at least ``version``.

        Raises ``OutcomeTimeout``.
        """

        def find() -> Optional[Balance]:
            balance = self._inbox.get(user)
            return balance if balance is not None and balance.version >= version else None

        found = self._poll_until(find, timeout_seconds)
        if found is None:
            raise OutcomeTimeout(f"no balances of user {user} in {timeout_seconds:g} s")
        return found

    @override
    def _receive(self, event: CloudEvent) -> Optional[Balance]:
        return self._inbox.add(event)

    @override
    def _receive_tombstone(self, key: bytes) -> None:
        if key.isdigit():
            self._inbox.forget(int(key))

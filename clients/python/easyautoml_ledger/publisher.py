"""Publishes over Kafka. Needs the extra ``kafka`` (kafka-python)."""

import logging
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from itertools import count
from typing import Any, Optional

from kafka import KafkaProducer
from kafka.errors import KafkaError
from typing_extensions import Self

from .publication import Payload, Publication, PublishFailed, prepare

log = logging.getLogger(__name__)


class Publisher:
    """Sends operations, holds, payouts, chargebacks, control totals and reference data of one source.

    ``publish`` returns as soon as the message is queued; ``flush`` returns when the broker has
    acknowledged everything, or raises ``PublishFailed`` with the publications that it did not
    acknowledge. It connects at the first message, so that it may be created before a fork.
    Further settings go to ``KafkaProducer`` (``security_protocol``, ``ssl_cafile``, …).
    May be used from several threads.
    """

    def __init__(self, *, bootstrap_servers: str, source: str, **settings: Any) -> None:
        self._source = source
        self._settings: dict[str, Any] = {
            "acks": "all",
            "enable_idempotence": True,
            "linger_ms": 5,
            "max_block_ms": 10_000,
            "delivery_timeout_ms": 30_000,
            "request_timeout_ms": 10_000,
            **settings,
            "bootstrap_servers": bootstrap_servers,
        }
        self._lock = threading.Lock()
        self._producer: Optional[KafkaProducer] = None
        self._numbers = count()
        # Numbered in the order of sending, in which failures are reported.
        self._in_flight: dict[int, Publication] = {}
        self._failed: dict[int, tuple[Publication, str]] = {}

    def publish(
        self,
        payload: Payload,
        *,
        key: Optional[int] = None,
        topic: Optional[str] = None,
        id: Optional[str] = None,  # noqa: A002 (the attribute's name in CloudEvents)
        time: Optional[datetime] = None,
        extensions: Optional[Mapping[str, str]] = None,
    ) -> Publication:
        """Send ``payload``. ``publication.prepare`` describes the arguments.

        Raises ``PublishFailed`` if no broker is available within ``max_block_ms``.
        """
        publication = prepare(
            payload,
            source=self._source,
            key=key,
            topic=topic,
            id=id,
            time=time,
            extensions=extensions,
        )
        self.send([publication])
        return publication

    def send(self, publications: Iterable[Publication]) -> None:
        """Send publications that were prepared or have failed before. Their ids stay the same."""
        for publication in publications:
            self._send(publication)

    def flush(self, *, timeout_seconds: float = 60) -> None:
        """Wait until the broker has acknowledged everything that was sent before.

        Raises ``PublishFailed`` with the publications that it did not acknowledge, in the order
        of sending. The publisher does not keep them: send them again or drop them.
        """
        producer = self._producer
        if producer is not None:
            try:
                producer.flush(timeout=timeout_seconds)
            except KafkaError as error:
                self._fail_in_flight(repr(error))
        with self._lock:
            failed, self._failed = self._failed, {}
        if not failed:
            return
        # An idempotent producer that has lost a message fails all later ones.
        self._disconnect(timeout_seconds=0)
        in_order = [failed[number] for number in sorted(failed)]
        reasons = dict.fromkeys(reason for _, reason in in_order)
        raise PublishFailed([publication for publication, _ in in_order], "; ".join(reasons))

    def close(self, *, timeout_seconds: float = 60) -> None:
        """Flush, with the same error, and disconnect."""
        try:
            self.flush(timeout_seconds=timeout_seconds)
        finally:
            self._disconnect(timeout_seconds=timeout_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _send(self, publication: Publication) -> None:
        try:
            future = self._connected().send(
                publication.topic,
                key=publication.key.encode(),
                value=publication.value,
                headers=list(publication.headers),
            )
        except KafkaError as error:
            raise PublishFailed([publication], repr(error)) from error
        with self._lock:
            number = next(self._numbers)
            self._in_flight[number] = publication
        # The callbacks run on the producer's thread, or immediately if the future is done already.
        _ = future.add_callback(partial(self._acknowledged, number))
        _ = future.add_errback(partial(self._failed_to_send, number))

    def _acknowledged(self, number: int, _metadata: object) -> None:
        with self._lock:
            self._in_flight.pop(number, None)

    def _failed_to_send(self, number: int, error: BaseException) -> None:
        with self._lock:
            publication = self._in_flight.pop(number, None)
            if publication is not None:
                self._failed[number] = (publication, repr(error))

    def _fail_in_flight(self, reason: str) -> None:
        with self._lock:
            for number, publication in self._in_flight.items():
                self._failed[number] = (publication, reason)
            self._in_flight = {}

    def _connected(self) -> KafkaProducer:
        with self._lock:
            if self._producer is None:
                self._producer = KafkaProducer(**self._settings)
            return self._producer

    def _disconnect(self, *, timeout_seconds: float) -> None:
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            producer.close(timeout=timeout_seconds)
        except KafkaError as error:
            # Closing flushes again; `flush` has already raised for lost publications.
            log.warning("closing the producer failed: %r", error)

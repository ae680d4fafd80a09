"""Consumers, producers and admin clients, made from the settings."""

import logging
from typing import Any, Final

from django.conf import settings
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import KafkaError

# While a broker is away these repeat it ten times a second; the workers say it once, with what they do.
for _name in ("net", "cluster", "consumer.fetcher", "coordinator", "producer.sender"):
    logging.getLogger(f"kafka.{_name}").setLevel(logging.CRITICAL)

_BOOTSTRAP_MS: Final = 5_000
_REQUEST_MS: Final = 10_000
# The shortest that Apache Kafka's brokers allow by default. Heartbeats come from a thread of their own, so
# that a slow database does not end a session; the partitions of a killed worker are free after this time.
_SESSION_MS: Final = 6_000
_MESSAGE_BYTES_MAX: Final = 1_048_576


def make_consumer(*, client: str) -> KafkaConsumer:
    """A member of the ledger's group that keeps its positions elsewhere. Raises `KafkaError`.

    Without deserializers: where one raises, `poll` never returns again.
    """
    return KafkaConsumer(
        **_reading(client),
        group_id=settings.ENVIRONMENT.kafka_group,
        session_timeout_ms=_SESSION_MS,
        heartbeat_interval_ms=_SESSION_MS // 4,
        # Also how long a rebalance waits at most for a member that says nothing any more.
        max_poll_interval_ms=30_000,
        # The same numbers of both topics go to the same worker, and with them the same users: workers
        # seldom wait for each other's locks. (Cooperative rebalances get stuck on the embedded broker.)
        partition_assignment_strategy=[RangePartitionAssignor],
    )


def make_reader(*, client: str) -> KafkaConsumer:
    """A consumer that belongs to no group: for partitions that are assigned by hand."""
    return KafkaConsumer(**_reading(client))


def make_producer(*, client: str, transactional_id: str) -> KafkaProducer:
    """A transactional producer, which fences whoever had the same id before. Raises `KafkaError`."""
    producer = KafkaProducer(
        **_connection(client),
        transactional_id=transactional_id,
        transaction_timeout_ms=30_000,
        allow_auto_create_topics=False,
        compression_type="zstd",
        # The commit sends what is left: nothing has to go out before its batch is full.
        linger_ms=1_000,
        batch_size=900_000,
        max_request_size=_MESSAGE_BYTES_MAX,
        max_block_ms=_BOOTSTRAP_MS,
        request_timeout_ms=_REQUEST_MS,
        delivery_timeout_ms=3 * _REQUEST_MS,
        metadata_max_age_ms=30_000,
    )
    try:
        producer.init_transactions()
    except KafkaError:
        discard(producer)
        raise
    return producer


def make_admin(*, client: str) -> KafkaAdminClient:
    """Raises `KafkaError` where no broker answers."""
    return KafkaAdminClient(**_connection(client), request_timeout_ms=_REQUEST_MS)


def discard(producer: KafkaProducer) -> None:
    """End a producer at once, with whatever it still holds: that is not to be sent any more."""
    try:
        producer.close(timeout=0.5)
    except KafkaError:
        # It flushes first and gives up there, before it has ended the thread that goes on sending.
        producer._sender.force_close()  # type: ignore[attr-defined]


def _reading(client: str) -> dict[str, Any]:
    return {
        **_connection(client),
        "enable_auto_commit": False,
        "auto_offset_reset": "none",
        "isolation_level": "read_committed",
        "allow_auto_create_topics": False,
        "metadata_max_age_ms": 5_000,
        "fetch_max_wait_ms": 100,
        "fetch_max_bytes": 8 * 1_048_576,
    }


def _connection(client: str) -> dict[str, Any]:
    environment = settings.ENVIRONMENT
    password = environment.kafka_sasl_password
    return {
        "bootstrap_servers": environment.kafka_bootstrap_servers.split(","),
        "client_id": f"{environment.kafka_group}-{client}",
        "bootstrap_timeout_ms": _BOOTSTRAP_MS,
        "reconnect_backoff_max_ms": 1_000,
        "security_protocol": environment.kafka_security_protocol,
        "sasl_mechanism": environment.kafka_sasl_mechanism,
        "sasl_plain_username": environment.kafka_sasl_username,
        "sasl_plain_password": password.get_secret_value() if password is not None else None,
        "ssl_cafile": environment.kafka_ssl_cafile,
        "ssl_check_hostname": environment.kafka_ssl_check_hostname,
    }

"""Consumers, producers and admin clients, made from the settings."""

import logging
from typing import Any, Final

from django.conf import settings
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import KafkaError

# While a broker is away these loggers report it ten times a second; the workers report it once.
for _name in ("net", "cluster", "consumer.fetcher", "coordinator", "producer.sender"):
    logging.getLogger(f"kafka.{_name}").setLevel(logging.CRITICAL)

_BOOTSTRAP_MS: Final = 5_000
_REQUEST_MS: Final = 10_000
# The shortest that Apache Kafka's brokers allow by default. Heartbeats come from a separate thread, so a slow
# database does not end a session; the partitions of a killed worker are free after this time.
_SESSION_MS: Final = 6_000
_MESSAGE_BYTES_MAX: Final = 1_048_576


def make_consumer(*, client: str) -> KafkaConsumer:
    """Return a member of the ledger's group that keeps its positions in the database. Raises `KafkaError`.

    It has no deserializers: if one raised, `poll` would never return again.
    """
    return KafkaConsumer(
        **_reading(client),
        group_id=settings.ENVIRONMENT.kafka_group,
        session_timeout_ms=_SESSION_MS,
        heartbeat_interval_ms=_SESSION_MS // 4,
        # Also the longest time that a rebalance waits for a silent member.
        max_poll_interval_ms=30_000,
        # Partitions of the same number in both topics go to the same worker, and with them the same users, so
        # workers seldom wait for each other's locks. (Cooperative ones stall the embedded broker.)
        partition_assignment_strategy=[RangePartitionAssignor],
    )


def make_reader(*, client: str) -> KafkaConsumer:
    """Return a consumer without a group, for partitions assigned explicitly."""
    return KafkaConsumer(**_reading(client))


def make_producer(*, client: str, transactional_id: str) -> KafkaProducer:
    """Return a transactional producer, which fences earlier ones with the same id. Raises `KafkaError`."""
    producer = KafkaProducer(
        **_connection(client),
        transactional_id=transactional_id,
        transaction_timeout_ms=30_000,
        allow_auto_create_topics=False,
        compression_type="gzip",  # the only one that every client reads without another package
        # The commit sends the rest, so batches can wait until they are full.
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
    """Return an admin client. Raises `KafkaError` if no broker answers."""
    return KafkaAdminClient(**_connection(client), request_timeout_ms=_REQUEST_MS)


def discard(producer: KafkaProducer) -> None:
    """Close a producer at once, dropping what it has not sent."""
    try:
        producer.close(timeout=0.5)
    except KafkaError:
        # close() flushes first and fails there, before it ends the sending thread.
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

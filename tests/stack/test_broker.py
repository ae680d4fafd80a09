"""The embedded broker."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient, NewTopic

from stack.broker import Broker, speaks_kafka
from stack.errors import StackError
from stack.ports import free_port


@pytest.fixture
def broker(directory: Path) -> Iterator[Broker]:
    broker = Broker(directory, default_port=free_port())
    yield broker
    broker.stop()


def _topics(broker: Broker) -> list[str]:
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    try:
        return list(admin.list_topics())
    finally:
        admin.close()


def test_a_client_can_use_it(broker: Broker) -> None:
    """A client can create a topic at the address that the broker advertises."""
    broker.start()
    assert speaks_kafka(broker.port)
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    try:
        admin.create_topics([NewTopic("training.operations", 1, 1)])
    finally:
        admin.close()
    assert _topics(broker) == ["training.operations"]


def test_it_comes_back_empty_on_the_same_port(broker: Broker) -> None:
    """It stores nothing, and clients can use the same address."""
    broker.start()
    port = broker.port
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    admin.create_topics([NewTopic("training.operations", 1, 1)])
    admin.close()
    broker.kill()
    assert not broker.running
    broker.start()
    assert broker.port == port
    assert _topics(broker) == []


def test_a_taken_port_from_the_settings_raises(directory: Path) -> None:
    """The error names the port and the setting."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StackError, match=rf"port {port} is taken; .*LEDGER_KAFKA_PORT"):
            Broker(directory, port=port).start()


def test_another_server_is_no_broker() -> None:
    """A server that does not speak the protocol does not count as ready."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(5)
        assert not speaks_kafka(silent.getsockname()[1])


def test_a_broker_runs_at_the_address_of_the_fixture(kafka: str) -> None:
    """Either kind of broker, as `LEDGER_TEST_KAFKA` says, listens there."""
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        assert admin.describe_cluster()["brokers"]
    finally:
        admin.close()

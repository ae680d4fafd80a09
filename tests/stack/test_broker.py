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
    made = Broker(directory, usual_port=free_port())
    yield made
    made.stop()


def _topics(broker: Broker) -> list[str]:
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    try:
        return list(admin.list_topics())
    finally:
        admin.close()


def test_a_client_can_use_it(broker: Broker) -> None:
    """It answers under the address that it names."""
    broker.start()
    assert speaks_kafka(broker.port)
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    try:
        admin.create_topics([NewTopic("training.operations", 1, 1)])
    finally:
        admin.close()
    assert _topics(broker) == ["training.operations"]


def test_it_comes_back_empty_on_the_same_port(broker: Broker) -> None:
    """It keeps nothing; clients find it where it was."""
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


def test_a_taken_port_that_was_asked_for_is_one_sentence(directory: Path) -> None:
    """It names the port and the setting."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StackError, match=rf"port {port} is taken; .*LEDGER_KAFKA_PORT"):
            Broker(directory, port=port).start()


def test_another_server_is_no_broker() -> None:
    """Something that listens without speaking the protocol does not count as ready."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(5)
        assert not speaks_kafka(silent.getsockname()[1])


def test_the_tests_broker_is_the_one_that_settings_name(kafka: str) -> None:
    """Whatever `LEDGER_TEST_KAFKA` says, there is a broker at the address of the fixture."""
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        assert admin.describe_cluster()["brokers"]
    finally:
        admin.close()

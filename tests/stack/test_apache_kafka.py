"""Apache Kafka: the errors without Java or Maven, and a running cluster."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from stack import Stack, StackError
from stack.apache_kafka import ApacheKafka, fetch, find_java
from stack.ports import wait_until


def on_apache(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that runs with the other tests of Kafka, on Apache Kafka only."""
    is_apache = os.environ.get("LEDGER_TEST_KAFKA") == "apache"
    skipped = pytest.mark.skipif(not is_apache, reason="LEDGER_TEST_KAFKA=apache is not set")
    marked: Callable[..., None] = pytest.mark.kafka(skipped(test))
    return marked


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only one in PATH, with a state directory of its own."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("LEDGER_STATE_DIR", str(tmp_path / "state"))
    return folder


def _program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_without_java_it_raises(programs: Path) -> None:
    """The error names the required version."""
    assert list(programs.iterdir()) == []
    with pytest.raises(StackError, match=r"^Apache Kafka needs Java 17 or newer, and none was found\.$"):
        find_java()


def test_an_old_java_is_refused(programs: Path) -> None:
    """The error names the program that was found."""
    _program(programs / "java", """echo 'openjdk version "11.0.20" 2023-07-18' >&2""")
    with pytest.raises(StackError, match="programs/java is older"):
        find_java()


@pytest.mark.parametrize("shown", ['openjdk version "17.0.15" 2025-04-15', 'java version "21" 2023-09-19'])
def test_a_recent_java_is_found(programs: Path, shown: str) -> None:
    """Both formats of the version are understood."""
    _program(programs / "java", f"echo '{shown}' >&2")
    assert find_java() == programs / "java"


def test_without_maven_it_raises(programs: Path) -> None:
    """Maven is not needed if Kafka was downloaded before."""
    with pytest.raises(StackError, match="`mvn` was not found"):
        fetch()
    downloaded = programs.parent / "state" / "apache-kafka-4.1.1"
    downloaded.mkdir()
    assert fetch() == downloaded


def test_a_failed_download_raises_and_leaves_nothing(programs: Path) -> None:
    """The error has Maven's first one, and no incomplete folder is left for the next start."""
    _program(programs / "mvn", "echo '[ERROR] Could not resolve kafka_2.13'; exit 1")
    with pytest.raises(StackError, match=r"could not download Apache Kafka .*Could not resolve kafka_2\.13"):
        fetch()
    assert {path.name for path in (programs.parent / "state").iterdir()} == {"logs", "run"}


@on_apache
def test_three_brokers_outlive_one(directory: Path) -> None:
    """A message is acknowledged and read while one of three brokers is down, and after it is back."""
    with Stack(directory / "state", postgres=False, kafka="apache", brokers=3) as stack:
        kafka = stack.broker
        assert isinstance(kafka, ApacheKafka)
        admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
        admin.create_topics([NewTopic("billing.operations", 1, 3)])
        admin.close()
        kafka.nodes[0].kill()
        assert [node.running for node in kafka.nodes] == [False, True, True]
        producer = KafkaProducer(bootstrap_servers=kafka.bootstrap_servers, acks="all")
        assert producer.send("billing.operations", b"paid").get(30).offset == 0
        producer.close()
        kafka.start()
        assert [node.running for node in kafka.nodes] == [True, True, True]
        consumer = KafkaConsumer(
            "billing.operations",
            bootstrap_servers=kafka.bootstrap_servers,
            auto_offset_reset="earliest",
            consumer_timeout_ms=20_000,
        )
        assert [message.value for message, _ in zip(consumer, range(1), strict=False)] == [b"paid"]
        consumer.close()


@on_apache
def test_it_keeps_its_topics(directory: Path) -> None:
    """The embedded broker loses them when it stops."""
    ids = []
    for _ in range(2):
        with Stack(directory / "state", postgres=False, kafka="apache") as stack:
            admin = KafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
            if "kept" not in admin.list_topics():
                admin.create_topics([NewTopic("kept", 1, 1)])
            assert wait_until(lambda admin=admin: "kept" in admin.list_topics(), seconds=10)  # type: ignore[misc]
            ids.append(admin.describe_topics(["kept"])[0]["topic_id"])
            admin.close()
    assert ids[0] == ids[1]

"""`manage.py topics` creates missing topics, and reports differences."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from kafka import KafkaAdminClient

from easyautoml_ledger import topics
from events.kafka.topics import create_missing, drift
from ledger.management.topics import declared_topics
from tests.events.kafka.conftest import recreate_topics, wait_until_gone

LETTERS = topics.BILLING_DEAD_LETTERS


def test_every_topic_of_the_contract_is_declared(settings: Any) -> None:
    """With its compaction, and with replicas that survive the loss of one of three brokers."""
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"kafka_replication_factor": 3})
    found = {topic.name: topic for topic in declared_topics()}
    assert sorted(found) == sorted(topics.TOPICS)
    for name, topic in found.items():
        compacted = topics.TOPICS[name].compacted
        assert topic.settings["cleanup.policy"] == ("compact" if compacted else "delete")
        assert ("retention.ms" in topic.settings) is not compacted
        assert (topic.replicas, topic.settings["min.insync.replicas"]) == (3, "2")


def test_missing_topics_are_created_once(admin: KafkaAdminClient, capsys: pytest.CaptureFixture[str]) -> None:
    """A second run changes and prints nothing."""
    recreate_topics(admin, [topic.name for topic in declared_topics()])
    admin.delete_topics([LETTERS])
    wait_until_gone(admin, LETTERS)
    call_command("topics")
    assert capsys.readouterr().out == f"topic: {LETTERS} made\n"
    call_command("topics")
    assert capsys.readouterr().out == ""
    assert drift(admin, declared_topics()) == []


def test_check_creates_nothing(admin: KafkaAdminClient, capsys: pytest.CaptureFixture[str]) -> None:
    """It reports missing topics, and fails."""
    recreate_topics(admin, [topic.name for topic in declared_topics()])
    admin.delete_topics([LETTERS])
    wait_until_gone(admin, LETTERS)
    with pytest.raises(CommandError, match="not as declared"):
        call_command("topics", "--check")
    assert capsys.readouterr().err == f"topic: {LETTERS} does not exist\n"
    assert create_missing(admin, declared_topics()) == [LETTERS]


def test_a_topic_with_other_partitions_is_reported_and_not_changed(
    admin: KafkaAdminClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """For example one that was created by a publisher's first message."""
    recreate_topics(admin, [topic.name for topic in declared_topics()])
    admin.delete_topics([LETTERS])
    wait_until_gone(admin, LETTERS)
    admin.create_topics({LETTERS: {"num_partitions": 2}})
    admin.wait_for_topics([LETTERS])
    with pytest.raises(CommandError):
        call_command("topics")
    assert f"topic: {LETTERS} has 2 partitions, and 1 are declared\n" in capsys.readouterr().err
    ((found),) = admin.describe_topics([LETTERS])
    assert len(found["partitions"]) == 2
    recreate_topics(admin, [LETTERS])


def test_without_a_broker_the_command_fails(settings: Any) -> None:
    """After a few seconds, with its own exit status."""
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:9"})
    with pytest.raises(CommandError, match="no broker answers") as refused:
        call_command("topics")
    assert refused.value.returncode == 2

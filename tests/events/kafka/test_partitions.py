"""Every message is posted exactly once, whatever workers believe to own."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from kafka import KafkaAdminClient, TopicPartition
from kafka.codec import gzip_decode
from kafka.partitioner.default import murmur2
from kafka.record import default_records

from easyautoml_ledger import topics
from easyautoml_ledger.envelope import to_kafka
from events.kafka import dead_letter_feed, positions
from events.kafka.errors import LostPartition
from events.kafka.handler import Locked, MessageHandler
from events.kafka.message import Message
from events.kafka.positions import Move
from ledger.intake.messages import handle
from models import Machine, User
from tests.builders import amount, balances, fund, make_user
from tests.connections import locked, until
from tests.events.kafka.conftest import recreate_topics
from tests.events.kafka.world import Publisher, Sent, events, ingesting, parked, processed, rows, wait_for

TRAININGS = topics.TRAINING_OPERATIONS


def solve(publisher: Publisher, user: User, machine: Machine, ids: Sequence[str]) -> list[Sent]:
    """Send one solving of one line per id, 0.0001 EAML each."""
    fields = {"machine": machine.pk, "count_of_lines": 1}
    return publisher.operations([("solving", user.pk, {"id": id_, **fields}) for id_ in ids])


def solved() -> list[str]:
    """Return the request ids recorded for the training service."""
    return [request_id for source, request_id in events() if source == topics.TRAINING_SERVICE]


def test_two_workers_on_the_same_partitions_post_each_once(
    publisher: Publisher, user: User, machine: Machine
) -> None:
    """Both believe that they own all partitions."""
    ids = [f"{n}" for n in range(1500)]
    solve(publisher, user, machine, ids)
    with ExitStack() as workers:
        for _ in range(2):
            workers.enter_context(ingesting(batch=40))
        wait_for(len(ids), seconds=60)
    assert sorted(solved()) == sorted(ids)
    assert balances(user)[f"user:{user.pk}:eaml"] == 100 - amount("0.0001") * len(ids)
    assert parked() == []


def test_a_worker_that_lost_a_partition_posts_nothing(
    publisher: Publisher, user: User, machine: Machine
) -> None:
    """The position is compared with the start of the fetch."""
    (sent,) = solve(publisher, user, machine, ["once"])
    with ingesting():
        wait_for(1)
    ((topic_id,),) = rows("select topic_id::text from events_kafka_position where next_offset = 1")
    message = _message(publisher, sent, topic_id, user, machine)
    before = rows("select count(*) from events_event")
    for start in (0, 2):
        move = Move(topic_id, sent.partition, TRAININGS, start, start + 1, start + 1)
        with pytest.raises(LostPartition) as lost:
            handle([message], lambda cursor, move=move: positions.advance(cursor, [move]))  # type: ignore[misc]
        assert lost.value.partitions == [(TRAININGS, sent.partition)]
    assert rows("select count(*) from events_event") == before
    assert processed(TRAININGS) == 1


@pytest.mark.parametrize("again", [3, 40], ids=["shorter", "longer"])
def test_a_recreated_topic_is_read_from_its_beginning(
    again: int, publisher: Publisher, user: User, machine: Machine, admin: KafkaAdminClient
) -> None:
    """The same name with another id: nothing is skipped or mistaken."""
    first, second = [f"first {n}" for n in range(20)], [f"second {n}" for n in range(again)]
    solve(publisher, user, machine, first)
    with ingesting():
        wait_for(len(first))
        publisher.close()
        recreate_topics(admin, [TRAININGS])
        other = Publisher()
        solve(other, user, machine, second)
        other.close()
        until(lambda: len(solved()) == len(first) + len(second), 30)
    assert sorted(solved()) == sorted(first + second)
    assert len(rows("select distinct topic_id from events_kafka_position where next_offset > 0")) == 2


def test_a_topic_recreated_without_readers_is_read_from_its_beginning(
    publisher: Publisher, user: User, machine: Machine, admin: KafkaAdminClient
) -> None:
    """A worker that starts afterwards begins with the new topic."""
    solve(publisher, user, machine, ["old"])
    with ingesting():
        wait_for(1)
    publisher.close()
    recreate_topics(admin, [TRAININGS])
    other = Publisher()
    solve(other, user, machine, ["new"])
    other.close()
    with ingesting():
        until(lambda: len(solved()) == 2)
    assert solved() == ["old", "new"]


@pytest.mark.parametrize("index", range(5))
def test_a_poison_message_is_parked_wherever_it_is_in_its_batch(
    index: int, publisher: Publisher, user: User, machine: Machine
) -> None:
    """A database error caused by one message costs only that message."""
    ids = ["poison" if n == index else f"{n}" for n in range(5)]
    sent = solve(publisher, user, machine, ids)
    routes = {topic: _poisoned(b"poison") for topic in (TRAININGS, topics.MARKETPLACE_OPERATIONS)}
    with ingesting(routes=routes):
        wait_for(5)
    assert solved() == [id_ for id_ in ids if id_ != "poison"]
    assert parked() == [(TRAININGS, sent[index].partition, sent[index].offset, "internal_error")]
    assert rows("select reason from events_dead_letter") == [("DataError: division by zero",)]
    _, (published,) = dead_letter_feed.read_unpublished(topics.BILLING_DEAD_LETTERS, 1)
    assert dict(published.headers)["deadletter-code"] == b"internal_error"
    assert b"division" not in dict(published.headers)["deadletter-reason"], (
        "internal details are not published"
    )


def test_a_partition_with_an_alarm_waits_until_an_operator_releases_it(
    publisher: Publisher, user: User, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other partitions continue."""
    (sent,) = solve(publisher, user, machine, ["first"])
    other = _user_of_another_partition(user)
    with ingesting():
        wait_for(1)
        _raise_alarm(sent.partition)
        solve(publisher, user, machine, ["skipped", "kept back"])
        publisher.operation("solving", other.pk, id="continues", machine=machine.pk, count_of_lines=1)
        until(lambda: "continues" in solved(), 10)
        assert sorted(solved()) == ["continues", "first"]
        call_command("positions", "--go-on", TRAININGS, str(sent.partition), "2")
        until(lambda: "kept back" in solved(), 10)
    assert "skipped" not in solved()
    assert f"{TRAININGS}[{sent.partition}] continues at 2 instead of 1" in capsys.readouterr().out


@pytest.mark.skipif(
    os.environ.get("LEDGER_TEST_KAFKA") != "apache", reason="the embedded broker deletes no single messages"
)
def test_messages_that_are_gone_raise_an_alarm(
    publisher: Publisher, user: User, machine: Machine, admin: KafkaAdminClient
) -> None:
    """Nothing is skipped automatically: an operator has to know."""
    sent = solve(publisher, user, machine, ["gone", "gone too", "there"])
    other = _user_of_another_partition(user)
    admin.delete_records({TopicPartition(TRAININGS, sent[0].partition): 2})
    with ingesting():
        until(lambda: rows("select 1 from events_kafka_position where alarm is not null") != [], 20)
        publisher.operation("solving", other.pk, id="continues", machine=machine.pk, count_of_lines=1)
        until(lambda: solved() == ["continues"], 10)
        call_command("positions", "--go-on", TRAININGS, str(sent[0].partition), "2")
        until(lambda: solved() == ["continues", "there"], 10)


def test_only_a_partition_with_an_alarm_can_be_moved(
    publisher: Publisher, user: User, machine: Machine
) -> None:
    """Other positions cannot be changed."""
    (sent,) = solve(publisher, user, machine, ["only"])
    with ingesting():
        wait_for(1)
    with pytest.raises(CommandError, match="has no alarm"):
        call_command("positions", "--go-on", TRAININGS, str(sent.partition), "0")
    assert processed(TRAININGS) == 1


def test_a_batch_that_cannot_be_parsed_stops_only_its_partition(
    publisher: Publisher, user: User, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example one with an unknown compression."""
    (sent,) = solve(publisher, user, machine, ["before"])
    other = _user_of_another_partition(user)

    monkeypatch.setattr(default_records, "gzip_decode", _failing(gzip_decode, b"x" * 2000))
    compressing = Publisher(compression_type="gzip")
    compressing.raw(TRAININGS, b"x" * 2000, [], partition=sent.partition)
    compressing.close()
    publisher.operation("solving", other.pk, id="continues", machine=machine.pk, count_of_lines=1)
    with ingesting():
        until(lambda: rows("select 1 from events_kafka_position where alarm is not null") != [], 30)
        until(lambda: "continues" in solved(), 20)
    assert sorted(solved()) == ["before", "continues"]
    ((partition, offset, alarm),) = rows(
        "select partition, next_offset, alarm from events_kafka_position where alarm is not null"
    )
    assert (partition, offset) == (sent.partition, 1)
    assert "what is this?" in alarm


def test_the_group_shares_partitions_and_reassigns_them(
    publisher: Publisher, user: User, machine: Machine
) -> None:
    """A worker that stops leaves its partitions to the other, in the middle of the work."""
    ids = [f"{n}" for n in range(600)]
    with ingesting(alone=False, batch=20):
        with ingesting(alone=False, batch=20):
            solve(publisher, user, machine, ids[:300])
            wait_for(300, seconds=120)
        solve(publisher, user, machine, ids[300:])
        wait_for(600, seconds=120)
    assert sorted(solved()) == sorted(ids)
    assert parked() == []


def test_only_the_partition_of_a_locked_user_waits(
    publisher: Publisher, user: User, machine: Machine, settings: Any
) -> None:
    """Its messages are neither lost nor parked, and are posted once the lock is released."""
    update = {"lock_timeout_shared_ms": 50, "lock_timeout_alone_ms": 100}
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update=update)
    other = fund(_user_of_another_partition(user), eaml=10)
    solve(publisher, user, machine, ["1", "2"])
    solve(publisher, other, machine, ["3", "4"])
    with locked(user), ingesting():
        until(lambda: len(solved()) == 2)
        assert sorted(solved()) == ["3", "4"]
    with ingesting():
        until(lambda: len(solved()) == 4)
    assert solved()[2:] == ["1", "2"]
    assert parked() == []


def test_a_poison_message_next_to_a_locked_user_repeats_no_other(
    publisher: Publisher, user: User, machine: Machine
) -> None:
    """Partitions are posted separately then, and only the one with the poison message is halved."""
    for payer in (user, _user_of_another_partition(user)):
        solve(publisher, payer, machine, [f"{payer.pk} {n}" for n in range(3)])
    posted: list[tuple[int, int]] = []

    def post(messages: Sequence[Message], move: Callable[[Any], None]) -> Counter[str]:
        if len({message.partition for message in messages}) > 1:
            raise Locked("a user is locked")
        if posted and any((each.partition != posted[0][0], each.offset) == (True, 1) for each in messages):
            raise ValueError("poison in the partition that is posted second")
        tally = handle(messages, move)
        posted.extend((message.partition, message.offset) for message in messages)
        return tally

    with ingesting(routes=dict.fromkeys((TRAININGS, topics.MARKETPLACE_OPERATIONS), post)):
        wait_for(6)
    assert len(posted) == len(set(posted)) == 5
    assert [code for *_, code in parked()] == ["internal_error"]


def _message(publisher: Publisher, sent: Sent, topic_id: str, user: User, machine: Machine) -> Message:
    data = {"type": "solving", "operation_user": user.pk, "machine": machine.pk, "count_of_lines": 9}
    headers, value = to_kafka(publisher.event(TRAININGS, data, id="never posted"))
    return Message(
        topic=TRAININGS,
        topic_id=topic_id,
        partition=sent.partition,
        offset=sent.offset,
        key=b"1",
        value=value,
        headers=headers,
        timestamp=timezone.now(),
    )


def _poisoned(mark: bytes) -> MessageHandler:
    """Return a handler that fails in the database, in mid-transaction, on batches with such a message."""

    def post(messages: Sequence[Message], move: Callable[[Any], None]) -> Counter[str]:
        def poisoned(cursor: Any) -> None:
            move(cursor)
            if any(value == mark for message in messages for _, value in message.headers):
                cursor.execute("select 1 / 0")

        return handle(messages, poisoned)

    return post


def _failing(decode: Callable[[bytes], bytes], mark: bytes) -> Callable[[bytes], bytes]:
    """Return a codec that fails on some content."""

    def decoding(compressed: bytes) -> bytes:
        plain = decode(compressed)
        if mark in plain:
            raise RuntimeError("what is this?")
        return plain

    return decoding


def _raise_alarm(partition: int) -> None:
    """Raise an alarm like a worker that finds nothing at its offset and forgets its position."""
    with connection.cursor() as cursor:
        cursor.execute(
            """update events_kafka_position set alarm = 'there is nothing at offset 1', alarmed_at = now()
               where topic = %s and partition = %s""",
            [TRAININGS, partition],
        )


def _user_of_another_partition(user: User) -> User:
    """Return a user whose messages go to another partition."""
    for _ in range(20):
        other = make_user()
        if _partition_of(other) != _partition_of(user):
            return other
    raise AssertionError("all users go to one partition")


def _partition_of(user: User) -> int:
    return (int(murmur2(str(user.pk).encode())) & 0x7FFF_FFFF) % 6

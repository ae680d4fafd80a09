"""Published events: content, key and order, and refusals by the broker."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from kafka import KafkaAdminClient

from easyautoml_ledger import topics
from easyautoml_ledger.outcomes import Balance, OperationRecorded, OperationRejected
from events.kafka import clients
from events.kafka.checkpoints import Overtaken
from events.kafka.errors import KafkaError
from events.kafka.leadership import Leadership
from events.worker import Stop
from ledger.engine.posting import post
from models import Machine, User
from projections import monitoring
from tests.builders import amount, bill, machine_copy, make_user, post_one, solving, top_up
from tests.connections import Worker, another, until
from tests.events.kafka.conftest import recreate_topics
from tests.events.kafka.world import (
    Publisher,
    checkpoint,
    heard,
    ingesting,
    make_relay,
    payloads,
    records,
    relaying,
    rows,
    wait_for,
    wait_until_published,
)

OUT = topics.BILLING_OPERATIONS
BALANCES = topics.BILLING_BALANCES
LETTERS = topics.BILLING_DEAD_LETTERS


def test_every_outcome_is_published_under_its_payer(user: User, machine: Machine) -> None:
    """Recorded and rejected operations follow the contract, with the balances after them."""
    poor = make_user()
    done = post_one(solving(machine, user=user, lines=1000, key="done", source="/services/training"))
    refused = post_one(machine_copy(machine, user=poor, key="refused", source="/services/marketplace"))
    with relaying():
        wait_until_published()
    assert done.event is not None
    assert refused.event is not None
    by_id = {message.event.id: message for message in heard(OUT)}
    accepted, declined = by_id[done.event.id], by_id[refused.event.id]
    assert (accepted.key, declined.key) == (str(user.pk).encode(), str(poor.pk).encode())
    assert accepted.event.type == OperationRecorded.event_type
    assert accepted.event.source == topics.BILLING_SERVICE
    recorded: OperationRecorded = accepted.payload
    assert (recorded.source, recorded.request_id) == ("/services/training", "done")
    assert recorded.position == done.event.position
    assert str(recorded.operation) == done.event.id
    assert recorded.account(f"user:{user.pk}:eaml").balance == amount("99.9")
    assert recorded.recorded_at == done.event.recorded_at
    assert [transfer.amount for transfer in recorded.transfers] == [amount("0.1")]
    rejected: OperationRejected = declined.payload
    assert declined.event.type == OperationRejected.event_type
    assert rejected.rejection.code == "insufficient_funds"
    assert rejected.payer == poor.pk


def test_a_listener_needs_no_package_of_a_codec(
    user: User, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kafka-python as it is installed alone has gzip only, and reads every topic of the ledger."""
    post_one(solving(machine, user=user, lines=1000))
    with relaying():
        wait_until_published()
    for codec in ("has_lz4", "has_snappy", "has_zstd"):
        monkeypatch.setattr(f"kafka.codec.{codec}", lambda: False)
    assert [bool(heard(topic)) for topic in (OUT, BALANCES)] == [True, True]


def test_each_users_events_come_in_order_and_once(user: User, machine: Machine) -> None:
    """For batches of every size, and with gaps in the positions."""
    users = [user, *(make_user() for _ in range(4))]
    for n in range(6):
        post([solving(machine, user=each, lines=n + 1) for each in users])
        _allocate_a_position_and_roll_back()
    with relaying(batch=7):
        wait_until_published()
    positions: dict[Any, list[int]] = defaultdict(list)
    for message in heard(OUT):
        positions[message.key].append(message.payload.position)
    assert all(found == sorted(set(found)) for found in positions.values())
    assert sum(map(len, positions.values())) == len(
        rows("select 1 from events_event where starts_with(type, 'operation.')")
    )


def test_latest_balances_are_published_once_per_batch(user: User, machine: Machine) -> None:
    """For every user touched; the version is the event's position."""
    with relaying():
        wait_until_published(BALANCES)
        post([solving(machine, user=user, lines=1000) for _ in range(5)])
        wait_until_published(BALANCES)
    published: list[Balance] = [each for each in payloads(BALANCES, Balance) if each.user == user.pk]
    last = max(published, key=lambda balance: balance.version)
    ((position,),) = rows("select max(position) from events_event")
    assert last.version == position
    assert last.eaml.balance == last.eaml.available == amount("99.5")
    assert last.usd.balance == amount(100)
    assert (last.due_usd, last.due_eaml) == (amount(0), amount(0))
    assert [balance.version for balance in published] == sorted({balance.version for balance in published})


def test_a_rejection_changes_no_balance(machine: Machine) -> None:
    """So no balance is published."""
    poor = make_user()
    post_one(machine_copy(machine, user=poor))
    with relaying():
        wait_until_published(BALANCES)
    assert [each for each in payloads(BALANCES, Balance) if each.user == poor.pk] == []


def test_events_without_a_message_in_the_contract_are_skipped(fresh_topics: None) -> None:
    """The event of the first tariff is not the outcome of a request."""
    assert rows("select type from events_event") == [("tariff.published",)]
    with relaying():
        wait_until_published()
        wait_until_published(BALANCES)
    assert records(OUT) == records(BALANCES) == []


@pytest.mark.parametrize("meanwhile", [0, 5], ids=["shorter", "longer"])
def test_a_topic_recreated_without_a_relay_is_complete(
    meanwhile: int, user: User, machine: Machine, admin: KafkaAdminClient
) -> None:
    """The recreated topic is complete, whatever the length of the old one."""
    post_one(solving(machine, user=user, lines=1000))
    for _ in range(2):
        with relaying():
            wait_until_published()
        rows("delete from events_checkpoint where starts_with(name, 'relay:') returning 1")
    with relaying():
        wait_until_published()
    before = len(records(OUT))
    assert before == 9
    recreate_topics(admin, [OUT, BALANCES])
    post([solving(machine, user=user, lines=1000) for _ in range(2 * meanwhile)])
    with relaying():
        wait_until_published()
        wait_until_published(BALANCES)
    assert (len(records(OUT)) > before) is bool(meanwhile)
    positions = [row[0] for row in rows("select position from events_event where type like 'operation.%%'")]
    assert sorted(message.payload.position for message in heard(OUT)) == positions
    latest = {balance.user: balance for balance in payloads(BALANCES, Balance)}
    assert latest[user.pk].eaml.balance == 100 - amount("0.1") * (1 + 2 * meanwhile)


def test_a_recreated_topic_receives_everything(user: User, machine: Machine, admin: KafkaAdminClient) -> None:
    """Operations from the beginning of the log, balances from the accounts."""
    post_one(solving(machine, user=user, lines=1000))
    with relaying():
        wait_until_published()
        before = [message.event.id for message in heard(OUT)]
        recreate_topics(admin, [OUT, BALANCES])
        until(lambda: [message.event.id for message in heard(OUT)] == before, 20)
        post_one(solving(machine, user=user, lines=1000))
        until(lambda: len(heard(OUT)) == len(before) + 1, 20)
        until(lambda: {each.eaml.balance for each in payloads(BALANCES, Balance)} >= {amount("99.8")}, 20)


def test_one_new_topic_does_not_repeat_the_other(
    user: User, machine: Machine, admin: KafkaAdminClient
) -> None:
    """Each topic has its own checkpoint."""
    post_one(solving(machine, user=user))
    with relaying():
        wait_until_published()
        wait_until_published(BALANCES)
        before = len(records(BALANCES))
        recreate_topics(admin, [OUT])
        until(lambda: len(records(OUT)) == 3, 20)
        wait_until_published(BALANCES)
        assert len(records(BALANCES)) == before


def test_only_settled_events_are_published(user: User, machine: Machine) -> None:
    """An event waits while the transaction of an earlier position is open."""
    with relaying():
        wait_until_published()
        with another() as other:
            other.autocommit = False
            with other.cursor() as cursor:
                cursor.execute("lock table events_event in row exclusive mode")
                cursor.execute("select nextval('events_event_position_seq')")
            before = checkpoint(OUT)
            post_one(solving(machine, user=user))
            Stop().wait(0.5)
            assert checkpoint(OUT) == before
            other.rollback()
        wait_until_published()
    assert len(heard(OUT)) == 3


def test_dead_letters_are_published_for_their_senders(publisher: Publisher) -> None:
    """With the original key, value and headers, the reason, and topic, partition and offset."""
    with ingesting():
        sent = publisher.raw(topics.TRAINING_OPERATIONS, b"noise", [("x-own", b"\xff")], key=b"\x00key")
        publisher.raw(topics.TRAINING_OPERATIONS, None, [], key=b"k")
        wait_for(2)
    with relaying():
        until(lambda: rows("select 1 from events_dead_letter where published_at is null") == [], 20)
    (letter,) = [record for record in records(LETTERS) if record.key == b"\x00key"]
    headers = dict(letter.headers)
    assert letter.value == b"noise"
    assert headers["x-own"] == b"\xff"
    assert headers["deadletter-code"] == b"not_a_cloudevent"
    assert headers["deadletter-topic"] == sent.topic.encode()
    assert headers["deadletter-partition"] == str(sent.partition).encode()
    assert headers["deadletter-offset"] == str(sent.offset).encode()
    assert len(records(LETTERS)) == 2


def test_a_dead_letter_that_is_too_large_is_published_without_its_value(publisher: Publisher) -> None:
    """The database keeps it."""
    with ingesting():
        publisher.raw(topics.TRAINING_OPERATIONS, b"x" * 950_000, [], key=b"large")
        wait_for(1)
    with relaying():
        until(lambda: rows("select 1 from events_dead_letter where published_at is null") == [], 20)
    (letter,) = records(LETTERS)
    assert (letter.key, letter.value) == (b"large", b"")
    assert dict(letter.headers)["deadletter-left-out"] == b"value of 950000 bytes"


def test_an_event_that_the_broker_refuses_is_parked_and_skipped(
    user: User, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that is too large does not hold up the others."""
    monkeypatch.setattr(clients, "_MESSAGE_BYTES_MAX", 3_000)
    post_one(solving(machine, user=user))
    large = post_one(top_up(user, 5, key="k" * 255, reference="r"))
    assert large.event is not None
    _lengthen(large.event.position)
    post_one(solving(machine, user=user))
    with relaying():
        wait_until_published()
        until(lambda: rows("select 1 from events_dead_letter where published_at is null") == [], 20)
    # By id: the embedded broker also shows the messages of attempts that failed.
    published = {message.event.id: message.payload.kind for message in heard(OUT)}
    assert sorted(published.values()) == ["adjustment", "adjustment", "solving", "solving"]
    assert rows("""select topic, partition, "offset", code from events_dead_letter""") == [
        (OUT, -1, large.event.position, "refused_by_broker")
    ]
    (letter,) = {record.key: record for record in records(LETTERS)}.values()
    assert (letter.key, letter.value) == (str(user.pk).encode(), b"")
    assert dict(letter.headers)["deadletter-code"] == b"refused_by_broker"


def test_a_new_relay_fences_the_old_one(user: User, machine: Machine) -> None:
    """A paused relay publishes nothing more, and does not move the checkpoint."""
    old = make_relay(patience=0)
    while old.step() or checkpoint(OUT) < _last_position():
        pass
    post_one(solving(machine, user=user))
    new = make_relay(patience=0)
    while new.step() or checkpoint(OUT) < _last_position():
        pass
    published, at = len(records(OUT)), checkpoint(OUT)
    post_one(solving(machine, user=user))
    with pytest.raises(KafkaError):
        old.step()
    assert (len(records(OUT)), checkpoint(OUT)) == (published, at)
    for relay in (old, new):
        relay.close()


def test_a_relay_overtaken_before_it_published_publishes_nothing(user: User, machine: Machine) -> None:
    """It read its checkpoints before the other relay published: no older balance follows a newer one."""
    with relaying():
        wait_until_published()
        wait_until_published(BALANCES)
    old = make_relay(batch=1)
    try:
        assert not old.step(), "there is nothing to publish yet"
        for _ in range(3):
            post_one(solving(machine, user=user, lines=1000))
        with relaying(patience=0):
            wait_until_published()
            wait_until_published(BALANCES)
        published = len(records(BALANCES))
        with pytest.raises((Overtaken, KafkaError)):
            all(old.step() for _ in range(20))
        assert len(records(BALANCES)) == published
        assert payloads(BALANCES, Balance)[-1].eaml.balance == amount("99.7")
    finally:
        old.close()


def test_one_of_two_relays_publishes_and_the_other_waits(user: User, machine: Machine) -> None:
    """The other takes over when the first one stops."""
    first, second = Stop(), Stop()
    one = Worker(make_relay(first).run)
    wait_until_published()
    other = Worker(make_relay(second).run)
    post([solving(machine, user=user) for _ in range(20)])
    wait_until_published()
    first.ask()
    one.answer(15)
    post([solving(machine, user=user) for _ in range(20)])
    wait_until_published()
    second.ask()
    other.answer(15)
    assert len(heard(OUT)) == 42
    assert len({message.event.id for message in heard(OUT)}) == 42


def test_a_silent_leader_is_not_waited_for(transactional_db: None) -> None:
    """Leadership passes to the next relay after a while, and does not return to the silent one."""
    leader, impatient = Leadership(patience=15), Leadership(patience=0)
    assert leader.holds()
    assert not Leadership(patience=15).holds()
    assert impatient.holds()
    assert impatient.holds(), "it leads without the lock"
    leader.give_up()
    assert impatient.holds()
    impatient.give_up()


def test_balances_follow_from_published_transfers(user: User, machine: Machine) -> None:
    """Summing a user's published transfers gives the published balances."""
    post([solving(machine, user=user, lines=5000), top_up(user, 7), bill(user, 3)])
    with relaying():
        wait_until_published()
        wait_until_published(BALANCES)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for recorded in payloads(OUT, OperationRecorded):
        for transfer in recorded.transfers:
            sums[transfer.debit] -= transfer.amount
            sums[transfer.credit] += transfer.amount
    published = max(payloads(BALANCES, Balance), key=lambda each: (each.user == user.pk, each.version))
    assert sums[f"user:{user.pk}:usd"] == published.usd.balance
    assert sums[f"user:{user.pk}:eaml"] == published.eaml.balance


def _allocate_a_position_and_roll_back() -> None:
    with transaction.atomic():
        rows("select nextval('events_event_position_seq')")
        transaction.set_rollback(True)


def _last_position() -> int:
    ((position,),) = rows("select max(position) from events_event")
    return int(position)


def _lengthen(position: int) -> None:
    """Give an event more data than the broker accepts, which no real operation has."""
    with another() as other, other.cursor() as cursor:
        cursor.execute("set session_replication_role = replica")
        cursor.execute(
            """update events_event set data = data || jsonb_build_object('more', repeat('x', 4000))
               where position = %s""",
            [position],
        )


def test_the_relay_sees_messages_that_no_worker_reads(publisher: Publisher, user: User) -> None:
    """It asks the broker for the ends, so lag grows also if `ingest` never ran."""
    publisher.operations([("credit_from_user", user.pk, {})] * 20, topic=topics.TRAINING_OPERATIONS)
    with relaying(incoming=[topics.TRAINING_OPERATIONS]):
        until(lambda: _lag() == 20)


def _lag() -> int:
    return sum(partition.lag for partition in monitoring.read().partitions)

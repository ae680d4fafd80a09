"""Incoming messages have the right outcome in every mode and order, and however often they come."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from kafka import KafkaAdminClient

from easyautoml_ledger import reference, topics
from easyautoml_ledger.envelope import to_kafka
from easyautoml_ledger.operations import KINDS
from models import Machine, User
from tests.builders import amount, balances, make_machine, make_user
from tests.connections import until
from tests.events.kafka.conftest import wait_until_gone
from tests.events.kafka.world import (
    MARKETPLACE,
    TRAINING,
    Publisher,
    events,
    ingesting,
    parked,
    processed,
    rows,
    wait_for,
    waiting_for,
)

TRAININGS = topics.TRAINING_OPERATIONS
MARKET = topics.MARKETPLACE_OPERATIONS


def test_both_modes_of_cloud_events_are_read(publisher: Publisher, user: User, machine: Machine) -> None:
    """The same command in binary and in structured mode under one key is one operation."""
    data = {"type": "solving", "operation_user": user.pk, "machine": machine.pk, "count_of_lines": 1000}
    event = publisher.event(TRAININGS, data)
    other = publisher.event(TRAININGS, data)
    with ingesting():
        publisher.send(TRAININGS, event)
        publisher.structured(TRAININGS, other)
        publisher.structured(TRAININGS, event)
        wait_for(3)
    assert sorted(events()[2:]) == sorted([(TRAINING, event.id), (TRAINING, other.id)])
    assert balances(user)[f"user:{user.pk}:eaml"] == amount("99.8")
    assert parked() == []


def test_every_kind_is_recorded_from_its_topic(publisher: Publisher, user: User, machine: Machine) -> None:
    """All nine kinds."""
    lines = {"machine": machine.pk, "count_of_lines": 10}
    sent = publisher.operations(
        [
            ("training", user.pk, lines),
            ("solving", user.pk, lines),
            ("solving_with_api", user.pk, lines),
            ("solving_with_api_market", user.pk, lines),
            ("buy_data_source", user.pk, {"machine": machine.pk}),
            ("machine_copy", user.pk, {"machine": machine.pk}),
            ("machine_copy_update", user.pk, {"machine": machine.pk}),
            ("credit_from_user", user.pk, {"amount": "5.00", "payment_reference": "ref"}),
            ("pay_a_bill", user.pk, {"amount": "5.00"}),
        ]
    )
    with ingesting():
        wait_for(len(sent))
    kinds = rows("select data->>'kind' from events_event where type = 'operation.recorded' order by 1")
    assert sorted({kind for (kind,) in kinds} - {"adjustment"}) == sorted(KINDS)
    assert parked() == []


def test_a_duplicate_changes_nothing(publisher: Publisher, user: User, machine: Machine) -> None:
    """Within a batch and long after it."""
    fields = {"id": "same", "machine": machine.pk, "count_of_lines": 1000}
    with ingesting():
        publisher.operations([("solving", user.pk, fields)] * 3)
        wait_for(3)
        publisher.operations([("solving", user.pk, fields)] * 2)
        wait_for(5)
    assert events().count((TRAINING, "same")) == 1
    assert balances(user)[f"user:{user.pk}:eaml"] == amount("99.9")


def test_the_same_key_from_two_sources_is_two_operations(publisher: Publisher, user: User) -> None:
    """A key belongs to its source."""
    machine = make_machine(make_user(), api="0.01")
    with ingesting():
        publisher.operation("solving", user.pk, id="key", machine=machine.pk, count_of_lines=1)
        publisher.operation(
            "solving_with_api_market", user.pk, id="key", machine=machine.pk, count_of_lines=1
        )
        wait_for(2)
    assert sorted(events()[2:]) == [(MARKETPLACE, "key"), (TRAINING, "key")]


def test_operations_that_come_out_of_order_are_all_recorded(
    publisher: Publisher, user: User, machine: Machine
) -> None:
    """A late message is recorded on arrival, with its own time of occurrence."""
    now = timezone.now()
    times = [now - timedelta(days=7), now, now - timedelta(hours=1)]
    with ingesting():
        for n, at in enumerate(times):
            publisher.operation(
                "solving",
                user.pk,
                id=f"{n}",
                machine=machine.pk,
                count_of_lines=1,
                occurred_at=at.isoformat(),
            )
        wait_for(3)
    found = rows("select occurred_at from events_event where type = 'operation.recorded' order by position")
    assert [at for (at,) in found][2:] == times


def test_an_operation_above_the_balance_is_rejected(publisher: Publisher, machine: Machine) -> None:
    """A rejection is an answer, with an event."""
    poor = make_user()
    with ingesting():
        sent = publisher.operation("machine_copy", poor.pk, machine=machine.pk)
        wait_for(1)
    assert events("operation.rejected") == [(MARKETPLACE, sent.id)]
    assert parked() == []


def _no_envelope(publisher: Publisher, data: Any) -> None:
    publisher.raw(TRAININGS, json.dumps(data).encode(), [])


def _other(publisher: Publisher, data: Any, **attributes: Any) -> None:
    publisher.send(TRAININGS, publisher.event(TRAININGS, data, **attributes))


def _changed(publisher: Publisher, data: Any, **fields: Any) -> None:
    _other(publisher, {**data, **fields})


def _without_id(publisher: Publisher, data: Any) -> None:
    headers, value = to_kafka(publisher.event(TRAININGS, data))
    publisher.raw(TRAININGS, value, [header for header in headers if header[0] != "ce_id"])


@pytest.mark.parametrize(
    ("send", "code"),
    [
        pytest.param(_no_envelope, "not_a_cloudevent", id="no envelope"),
        pytest.param(_without_id, "missing_attribute", id="no id"),
        pytest.param(lambda p, _: p.raw(TRAININGS, b"", []), "empty_value", id="empty"),
        pytest.param(lambda p, _: p.raw(TRAININGS, None, []), "empty_value", id="tombstone"),
        pytest.param(
            lambda p, _: p.raw(TRAININGS, b"\xff\x00", [], key=None), "not_a_cloudevent", id="noise"
        ),
        pytest.param(lambda p, _: _other(p, b"{"), "malformed_json", id="broken JSON"),
        pytest.param(lambda p, d: _changed(p, d, type="gift"), "unknown_kind", id="unknown kind"),
        pytest.param(lambda p, d: _changed(p, d, tip="1"), "unknown_field", id="unknown field"),
        pytest.param(lambda p, d: _changed(p, d, count_of_lines=-1), "out_of_range", id="negative count"),
        pytest.param(lambda p, d: _other(p, d, source=MARKETPLACE), "source_not_allowed", id="other source"),
        pytest.param(
            lambda p, d: _other(p, d, type=reference.User.event_type), "unsupported_type", id="other type"
        ),
        pytest.param(
            lambda p, d: _changed(p, d, occurred_at=(timezone.now() + timedelta(hours=1)).isoformat()),
            "invalid",
            id="ahead of time",
        ),
        pytest.param(
            lambda p, d: _changed(p, d, occurred_at=(timezone.now() - timedelta(days=91)).isoformat()),
            "invalid",
            id="too long ago",
        ),
    ],
)
def test_a_message_that_cannot_be_handled_is_parked(
    send: Callable[[Publisher, Any], None], code: str, publisher: Publisher, user: User, machine: Machine
) -> None:
    """With its code; later messages do not wait."""
    data = {"type": "solving", "operation_user": user.pk, "machine": machine.pk, "count_of_lines": 1}
    before = publisher.operation("solving", user.pk, id="before", machine=machine.pk, count_of_lines=1)
    send(publisher, data)
    publisher.operation("solving", user.pk, id="after", machine=machine.pk, count_of_lines=1)
    with ingesting():
        wait_for(3)
    assert [letter[3] for letter in parked()] == [code]
    assert sorted(events()[2:]) == [(TRAINING, "after"), (TRAINING, "before")]
    assert before.topic == TRAININGS


def test_a_dead_letter_keeps_every_byte(publisher: Publisher, fresh_topics: None) -> None:
    """Key, value and headers are unchanged, even if they are not text."""
    value, headers = b"\x00\xfe\xff", [("x-odd", b"\x00\xff"), ("x-odd", b"again")]
    with ingesting():
        sent = publisher.raw(TRAININGS, value, headers, key=b"\x00key")
        wait_for(1)
    ((topic, partition, offset, kept_key, kept_value, kept_headers, state),) = rows(
        """select topic, partition, "offset", key, value, headers::text, state from events_dead_letter"""
    )
    assert (topic, partition, offset) == (sent.topic, sent.partition, sent.offset)
    assert (bytes(kept_key), bytes(kept_value), state) == (b"\x00key", value, "open")
    assert json.loads(kept_headers) == [["x-odd", "AP8="], ["x-odd", "YWdhaW4="]]


def test_a_key_used_for_another_command_is_parked(publisher: Publisher, user: User, machine: Machine) -> None:
    """In the same batch and in a later one; the first command counts."""
    with ingesting():
        publisher.operation("solving", user.pk, id="key", machine=machine.pk, count_of_lines=1000)
        publisher.operation("solving", user.pk, id="key", machine=machine.pk, count_of_lines=2000)
        wait_for(2)
        publisher.operation("solving", user.pk, id="key", machine=machine.pk, count_of_lines=3000)
        wait_for(3)
    assert [letter[3] for letter in parked()] == ["conflict", "conflict"]
    ((reason,),) = set(rows("select reason from events_dead_letter"))
    assert "count_of_lines" in reason
    assert balances(user)[f"user:{user.pk}:eaml"] == amount("99.9")


def test_a_message_of_10_megabytes_is_parked(
    publisher: Publisher, user: User, machine: Machine, admin: KafkaAdminClient
) -> None:
    """Later messages are handled."""
    admin.delete_topics([TRAININGS])
    wait_until_gone(admin, TRAININGS)
    admin.create_topics({TRAININGS: {"num_partitions": 6, "configs": {"max.message.bytes": "20000000"}}})
    with ingesting():
        publisher.send(TRAININGS, publisher.event(TRAININGS, b"1" * 10_000_000))
        publisher.operation("solving", user.pk, id="after", machine=machine.pk, count_of_lines=1)
        wait_for(2)
    assert [letter[3] for letter in parked()] == ["too_large"]
    assert rows("select length(value) from events_dead_letter") == [(10_000_000,)]
    assert (TRAINING, "after") in events()


def test_a_message_waits_for_its_user_and_machine(publisher: Publisher, user: User) -> None:
    """It is posted when both are known; later messages do not wait."""
    later_user, later_machine = 1_000_001, 2_000_001
    known = make_machine(user)
    with ingesting():
        publisher.operation("solving", later_user, id="waits", machine=later_machine, count_of_lines=1000)
        publisher.operation("solving", user.pk, id="continues", machine=known.pk, count_of_lines=1)
        wait_for(2)
        assert waiting_for() == [f"user:{later_user}"]
        assert (TRAINING, "continues") in events()
        User.objects.create(pk=later_user, email="later@example.com")
        until(lambda: waiting_for() == [f"machine:{later_machine}"])
        columns = {"one": "FLOAT"}
        Machine.objects.create(
            pk=later_machine, machine_owner_user=user, machine_name="later", dfr_columns_type_user_df=columns
        )
        until(lambda: waiting_for() == [])
    assert (TRAINING, "waits") in events("operation.recorded")
    assert parked() == []


def test_a_message_that_waited_too_long_is_rejected(
    publisher: Publisher, machine: Machine, settings: Any
) -> None:
    """With its own code, and for good: the key is used then."""
    settings.LEDGER_WAITING = timedelta(seconds=0.5)
    with ingesting():
        publisher.operation("solving", 1_000_002, id="late", machine=machine.pk, count_of_lines=1)
        wait_for(1)
        until(lambda: waiting_for() == [] and events("operation.rejected") == [(TRAINING, "late")])
    ((code,),) = rows("select data->'rejection'->>'code' from events_event where type = 'operation.rejected'")
    assert code == "unknown_reference"


def test_two_waiting_messages_under_one_key_are_one_operation(publisher: Publisher, machine: Machine) -> None:
    """The second is a duplicate, and a third with another body is parked."""
    with ingesting():
        for lines in (10, 10, 20):
            publisher.operation("solving", 1_000_003, id="twice", machine=machine.pk, count_of_lines=lines)
        wait_for(3)
        assert len(waiting_for()) == 3
        User.objects.create(pk=1_000_003, email="waited@example.com")
        until(lambda: waiting_for() == [])
    assert events().count((TRAINING, "twice")) == 1
    assert [letter[3] for letter in parked()] == ["conflict"]


@pytest.mark.parametrize("alone", [True, False])
def test_a_worker_that_drains_reads_all_messages_before_it_ends(
    alone: bool, publisher: Publisher, user: User, machine: Machine
) -> None:
    """It is stopped in the middle. A worker that does not drain leaves the rest."""
    fields = {"machine": machine.pk, "count_of_lines": 1}
    ids = [f"{n}" for n in range(1000)]
    publisher.operations([("solving", user.pk, {"id": id_, **fields}) for id_ in ids])
    with ingesting(batch=10, alone=alone):
        wait_for(10)
    assert processed(TRAININGS) < len(ids)
    with ingesting(batch=10, alone=alone, drain=60):
        wait_for(processed(TRAININGS) + 10)
    assert processed(TRAININGS) == len(ids)


def test_draining_ends_in_time(publisher: Publisher, user: User, machine: Machine) -> None:
    """Even if there is more than it can read."""
    fields = {"machine": machine.pk, "count_of_lines": 1}
    publisher.operations([("solving", user.pk, {"id": f"{n}", **fields}) for n in range(3000)])
    with ingesting(batch=1, drain=0.5):
        wait_for(1)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert processed(TRAININGS) < 3000


def test_positions_show_how_far_the_ledger_lags(publisher: Publisher, user: User, machine: Machine) -> None:
    """Per topic id and partition: the next offset, and the end as last seen."""
    sent = [publisher.operation("solving", user.pk, machine=machine.pk, count_of_lines=1) for _ in range(5)]
    with ingesting():
        wait_for(5)
    assert rows(
        "select partition, next_offset, end_offset, alarm from events_kafka_position where next_offset > 0"
    ) == [(sent[0].partition, 5, 5, None)]
    assert processed(MARKET) == 0

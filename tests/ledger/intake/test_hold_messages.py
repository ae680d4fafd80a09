"""Messages of holds as the training service sends them: posted, waiting, dead letters. Needs no broker."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from easyautoml_ledger import topics
from easyautoml_ledger.envelope import CloudEvent, to_kafka
from easyautoml_ledger.holds import HoldCaptured, HoldRequested, HoldVoided
from easyautoml_ledger.operations import Operation
from easyautoml_ledger.payloads import encode
from easyautoml_ledger.reference import Work
from events.kafka.message import Message
from events.models import Event
from ledger.intake import waiting
from ledger.intake.messages import handle
from ledger.models import HeldFunds
from models import Machine, User
from tests.builders import amount, balances, make_user
from tests.connections import until
from tests.ledger.engine.test_holds import TOKEN, shown

pytestmark = pytest.mark.django_db(transaction=True)

TOPIC_ID: Final = str(uuid4())
_offsets = count()
TRAININGS: Final = topics.TRAINING_OPERATIONS


def message(type_: str, payload: Any, *, offset: int = 0, topic: str = TRAININGS, **more: Any) -> Message:
    data = payload if isinstance(payload, bytes) else encode(payload)
    event = CloudEvent(
        id=more.pop("id", None) or str(uuid4()),
        source=more.pop("source", topics.TRAINING_SERVICE),
        type=type_,
        data=data,
        time=more.pop("time", datetime.now(UTC)),
        **more,
    )
    headers, value = to_kafka(event)
    return Message(
        topic=topic,
        topic_id=TOPIC_ID,
        partition=0,
        offset=offset,
        key=b"1",
        value=value,
        headers=headers,
        timestamp=datetime.now(UTC),
    )


def requested(machine: Machine | int, user: User | int, hold: Any, *, lines: int, **more: Any) -> Message:
    payload = HoldRequested.model_validate(
        {
            "hold": str(hold),
            "operation_user": user if isinstance(user, int) else user.pk,
            "kind": "solving",
            "machine": machine if isinstance(machine, int) else machine.pk,
            "count_of_lines": lines,
            "expires_at": more.pop("expires_at", timezone.now() + timedelta(hours=1)),
        }
    )
    return message(HoldRequested.event_type, payload, **more)


def captured(hold: Any, *, lines: int, final: bool = True, **more: Any) -> Message:
    payload = HoldCaptured(hold=hold, count_of_lines=lines, final=final)
    return message(HoldCaptured.event_type, payload, **more)


def voided(hold: Any, **more: Any) -> Message:
    return message(HoldVoided.event_type, HoldVoided(hold=hold, reason="lost"), **more)


def taken(*messages: Message) -> dict[str, int]:
    """Handle messages and return the number by outcome, without zeros."""
    numbered = [replace(each, offset=next(_offsets)) for each in messages]
    return dict(+handle(numbered, lambda _: None))


def swept() -> dict[str, int]:
    return dict(+waiting.sweep())


def waits() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("select waits_for from events_waiting order by id")
        return [row[0] for row in cursor.fetchall()]


def parked() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("select code from events_dead_letter order by id")
        return [row[0] for row in cursor.fetchall()]


def last_event() -> tuple[str, Any, Any]:
    event = Event.objects.latest("position")
    return event.type, event.data, event.metadata


def test_hold_is_requested_captured_and_voided(user: User, machine: Machine) -> None:
    """By messages in the order in which the service sent them."""
    first, second = uuid4(), uuid4()
    assert taken(requested(machine, user, first, lines=60 * TOKEN)) == {"recorded": 1}
    assert shown(user) == ("100", "60", "40")
    assert taken(captured(first, lines=10 * TOKEN, final=False)) == {"recorded": 1}
    assert shown(user) == ("90", "50", "40")
    assert taken(captured(first, lines=20 * TOKEN)) == {"recorded": 1}
    assert shown(user) == ("70", "0", "70")
    assert taken(requested(machine, user, second, lines=TOKEN), voided(second)) == {"recorded": 2}
    assert shown(user) == ("70", "0", "70")
    assert HeldFunds.objects.get(pk=second).state == "voided"


def test_event_names_its_sender_command_and_context(user: User, machine: Machine) -> None:
    """It keeps the command as it was sent; the reason of a void is a note."""
    hold = uuid4()
    taken(requested(machine, user, hold, lines=TOKEN))
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    taken(voided(hold, id="void 1", extensions={"traceparent": trace}))
    type_, data, metadata = last_event()
    assert type_ == "hold.voided"
    assert data["command"] == {"type": "hold.voided", "hold": str(hold)}
    assert set(data["notes"]) == {"reason"}
    assert metadata == {
        "source": topics.TRAINING_SERVICE,
        "request_id": "void 1",
        "actor": f"service:{topics.TRAINING_SERVICE}",
        "traceparent": trace,
    }


def test_hold_that_the_user_cannot_afford_is_refused(machine: Machine) -> None:
    """A refusal is an answer, not a dead letter: the work must not start."""
    poor = make_user()
    assert taken(requested(machine, poor, uuid4(), lines=1)) == {"rejected": 1}
    type_, data, _ = last_event()
    assert (type_, data["rejection"]["code"], data["payer"]) == (
        "hold.refused",
        "insufficient_funds",
        poor.pk,
    )
    assert parked() == []


def test_message_sent_twice_counts_once(user: User, machine: Machine) -> None:
    """In the same batch and in another."""
    hold = uuid4()
    request, capture = requested(machine, user, hold, lines=TOKEN), captured(hold, lines=TOKEN, final=False)
    assert taken(request, request, capture) == {"recorded": 2, "duplicate": 1}
    assert taken(capture, request) == {"duplicate": 2}
    assert shown(user) == ("99", "0", "99")


def test_same_id_with_another_capture_is_a_dead_letter(user: User, machine: Machine) -> None:
    """It is unclear which of the two was meant."""
    hold = uuid4()
    taken(requested(machine, user, hold, lines=10 * TOKEN), captured(hold, lines=TOKEN, final=False, id="a"))
    assert taken(captured(hold, lines=2 * TOKEN, final=False, id="a")) == {"parked": 1}
    assert parked() == ["conflict"]
    assert shown(user) == ("99", "9", "90")


def test_capture_and_void_wait_for_their_hold(user: User, machine: Machine) -> None:
    """Once the hold is placed, they are posted in the order in which they arrived."""
    hold = uuid4()
    assert taken(captured(hold, lines=TOKEN, final=False), voided(hold)) == {"waiting": 2}
    assert waits() == [f"hold:{hold}"] * 2
    assert swept() == {}
    taken(requested(machine, user, hold, lines=10 * TOKEN))
    assert swept() == {"recorded": 2}
    assert waits() == []
    assert shown(user) == ("99", "0", "99")
    assert HeldFunds.objects.get(pk=hold).state == "voided"


def test_operation_that_names_a_hold_waits_for_it_too(user: User, machine: Machine) -> None:
    hold = uuid4()
    operation = {
        "type": "solving",
        "operation_user": user.pk,
        "machine": machine.pk,
        "count_of_lines": 2 * TOKEN,
        "hold": str(hold),
    }
    assert taken(message(Operation.event_type, json.dumps(operation).encode())) == {"waiting": 1}
    taken(requested(machine, user, hold, lines=10 * TOKEN))
    assert swept() == {"recorded": 1}
    assert shown(user) == ("98", "0", "98")


def test_request_waits_for_its_machine_and_its_capture_for_it(user: User) -> None:
    """Each is posted as soon as what it waits for is known."""
    hold, number = uuid4(), 10**12
    assert taken(requested(number, user, hold, lines=10 * TOKEN), captured(hold, lines=TOKEN)) == {
        "waiting": 2
    }
    assert waits() == [f"machine:{number}", f"hold:{hold}"]
    Machine.objects.create(pk=number, machine_name="late", machine_owner_user=make_user())
    assert swept() == {"recorded": 1}
    assert swept() == {"recorded": 1}
    assert shown(user) == ("99", "0", "99")


def test_capture_of_a_hold_that_never_came_is_rejected_in_the_end(
    user: User, machine: Machine, settings: Any
) -> None:
    """When its waiting time is over; the answer names the hold."""
    settings.LEDGER_WAITING = timedelta(0)
    hold = uuid4()
    assert taken(captured(hold, lines=TOKEN)) == {"waiting": 1}
    assert swept() == {"rejected": 1}
    type_, data, _ = last_event()
    assert (type_, data["rejection"]["code"]) == ("operation.rejected", "unknown_reference")
    assert data["rejection"]["waits_for"] == f"hold:{hold}"
    assert (data["payer"], data["kind"]) == (None, "hold")
    assert balances(user)[f"user:{user.pk}:eaml"] == amount(100)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"type": Work.event_type}, "unsupported_type"),
        ({"source": topics.MARKETPLACE_SERVICE}, "source_not_allowed"),
        ({"data": b'{"hold": 1}'}, "invalid_uuid"),
        ({"data": b"{}"}, "missing_field"),
        ({"time": datetime.now(UTC) + timedelta(hours=1)}, "invalid"),
    ],
)
def test_a_message_that_is_not_accepted_is_a_dead_letter(
    change: dict[str, Any], code: str, user: User
) -> None:
    """An unknown field, a type or source that the topic does not accept, a time in the future."""
    payload = change.pop("data", None) or HoldVoided(hold=uuid4(), reason="lost")
    type_ = change.pop("type", HoldVoided.event_type)
    assert taken(message(type_, payload, **change)) == {"parked": 1}
    assert parked() == [code]


def test_late_message_is_captured_as_of_when_the_work_was_done(user: User, machine: Machine) -> None:
    """The envelope's time is used as `occurred_at`, although the hold has expired since."""
    hold, now = uuid4(), timezone.now()
    soon = now + timedelta(seconds=0.3)
    taken(requested(machine, user, hold, lines=TOKEN, expires_at=soon))
    until(lambda: timezone.now() > soon)
    assert taken(captured(hold, lines=TOKEN, time=now)) == {"recorded": 1}
    assert taken(captured(hold, lines=TOKEN, time=soon)) == {"rejected": 1}
    assert shown(user) == ("99", "0", "99")

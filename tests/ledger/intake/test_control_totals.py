"""Control totals compared with the log, without a broker: missing, extra, different, each answered once."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from easyautoml_ledger import topics
from easyautoml_ledger.control_total import ControlTotal
from easyautoml_ledger.envelope import CloudEvent
from easyautoml_ledger.operations import Operation
from easyautoml_ledger.outcomes import ControlTotalCompared
from easyautoml_ledger.payloads import parse_payload
from events.kafka.message import Message
from events.models import DeadLetter, Event, WaitingMessage
from events.settler import settle_all
from ledger import payloads
from ledger.engine.posting import post
from ledger.feeds.outcomes import OutcomeFeed
from ledger.intake import control_totals, waiting
from ledger.intake.messages import handle
from models import Machine, User
from projections.verification import verify
from tests import builders as make
from tests import commands as do
from tests.builders import make_user
from tests.ledger.intake.test_hold_messages import message

pytestmark = pytest.mark.django_db(transaction=True)

TRAINING, MARKETPLACE = topics.TRAINING_SERVICE, topics.MARKETPLACE_SERVICE
NOON = (timezone.now() - timedelta(days=2)).replace(hour=12, minute=0, second=0, microsecond=0)
ONE_O_CLOCK = NOON + timedelta(hours=1)

_offsets = count(1)


@pytest.fixture(autouse=True)
def _answer_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_totals, "ANSWER_AFTER", timedelta(0))


def minutes(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def total(
    *totals: dict[str, Any],
    start: datetime = NOON,
    end: datetime = ONE_O_CLOCK,
    topic: str = topics.TRAINING_OPERATIONS,
    **more: Any,
) -> Message:
    payload = ControlTotal.model_validate({"window_start": start, "window_end": end, "totals": totals})
    return message(ControlTotal.event_type, payload, offset=next(_offsets), topic=topic, **more)


def handled(*messages: Message) -> Counter[str]:
    """Handle the messages as if they came from Kafka, and answer the totals that are due."""
    return handle(messages, lambda _cursor: None) + waiting.sweep()


def answers() -> list[ControlTotalCompared]:
    """Return the published answers, as subscribers read them."""
    heard = []
    for _, sent in OutcomeFeed().messages(after=0, upto=settle_all()):
        headers = dict(sent.headers)
        event = CloudEvent(
            id=headers["ce_id"].decode(),
            source=headers["ce_source"].decode(),
            type=headers["ce_type"].decode(),
            data=sent.value,
        )
        payload = parse_payload(event)
        if isinstance(payload, ControlTotalCompared):
            heard.append(payload)
    return heard


def only(answers: Sequence[ControlTotalCompared]) -> ControlTotalCompared:
    (answer,) = answers
    return answer


def use_ledger(user: User, machine: Machine) -> None:
    """Post, within the hour, two solvings and a rejected training (training), and 5 USD (marketplace)."""
    poor = make.make_machine(make_user(), columns=1_000_000)
    post(
        [
            make.solving(machine, user=user, lines=10, at=minutes(0), source=TRAINING),
            make.solving(machine, user=user, lines=20, at=minutes(59.9), source=TRAINING),
            make.training(poor, user=user, lines=1_000_000, at=minutes(30), source=TRAINING),
            make.top_up(user, 5, at=minutes(30), source=MARKETPLACE),
            # None of these counts: outside the hour, from another source, or not one of the nine kinds.
            make.solving(machine, user=user, lines=40, at=minutes(-0.1), source=TRAINING),
            make.solving(machine, user=user, lines=80, at=minutes(60), source=TRAINING),
            make.solving(machine, user=user, lines=160, at=minutes(30)),
            do.grant(user, 1, at=minutes(30)),
        ]
    )


def test_total_that_agrees_says_so(user: User, machine: Machine) -> None:
    """Rejected operations count as received, and those of another source do not count."""
    use_ledger(user, machine)
    sent = [
        {"kind": "solving", "count": 2, "count_of_lines": 30},
        {"kind": "training", "count": 1, "count_of_lines": 1_000_000},
    ]
    assert handled(total(*sent, id="t1")) == {"waiting": 1, "recorded": 1}
    answer = only(answers())
    assert (answer.agrees, answer.source, answer.request_id) == (True, TRAINING, "t1")
    assert (answer.window_start, answer.window_end) == (NOON, minutes(60))
    assert [(each.kind, each.received.count, each.rejected) for each in answer.kinds] == [
        ("training", 1, 1),
        ("solving", 2, 0),
    ]
    assert not WaitingMessage.objects.exists()


def test_missing_extra_and_different_are_published_by_kind(user: User, machine: Machine) -> None:
    """A sum left out of the total is not compared; a kind left out counts as zero."""
    use_ledger(user, machine)
    handled(
        total(
            {"kind": "solving", "count": 3, "count_of_lines": 31},
            {"kind": "solving_with_api", "count": 4},
        )
    )
    answer = only(answers())
    assert not answer.agrees
    assert [(each.kind, each.missing, each.extra, each.different) for each in answer.kinds] == [
        ("training", 0, 1, ("count",)),
        ("solving", 1, 0, ("count", "count_of_lines")),
        ("solving_with_api", 4, 0, ("count",)),
    ]


def test_amounts_are_compared_exactly(user: User, machine: Machine) -> None:
    """Equal counts can hide different sums."""
    use_ledger(user, machine)
    paid = {"kind": "credit_from_user", "count": 1}
    market: dict[str, Any] = {"topic": topics.MARKETPLACE_OPERATIONS, "source": MARKETPLACE}
    handled(total({**paid, "amount": "5.00000001"}, **market), total({**paid, "amount": "5"}, **market))
    wrong, right = answers()
    assert (wrong.agrees, right.agrees) == (False, True)
    (kind,) = wrong.kinds
    assert (kind.missing, kind.extra, kind.different) == (0, 0, ("amount",))
    assert (str(kind.sent.amount), str(kind.received.amount)) == ("5.00000001", "5.00000000")


def test_captures_are_operations_of_their_kind(user: User, machine: Machine) -> None:
    """Placing a hold is not an operation."""
    hold = "0198c9a4-8000-7000-8000-000000000002"
    now = timezone.now()
    with_hold = make.solving(machine, user=user, lines=7, source=TRAINING, hold=hold)
    post([do.place(machine, user=user, lines=10, hold=hold), with_hold])
    handled(total({"kind": "solving", "count": 1, "count_of_lines": 7}, start=now, end=minutes(60 * 72)))
    assert only(answers()).agrees


def test_total_is_answered_once(user: User, machine: Machine) -> None:
    """It is answered again under another id, including what has arrived since."""
    use_ledger(user, machine)
    first = total({"kind": "solving", "count": 2}, id="t1")
    assert handled(first)["recorded"] == 1
    assert handled(first)["duplicate"] == 1
    assert handled(total({"kind": "solving", "count": 2}, id="t2"))["recorded"] == 1
    assert [answer.request_id for answer in answers()] == ["t1", "t2"]


def test_same_id_for_another_total_is_a_conflict() -> None:
    """It becomes a dead letter, like any other message whose key was used before."""
    handled(total({"kind": "solving", "count": 0}, id="t1"))
    assert handled(total({"kind": "solving", "count": 1}, id="t1"))["parked"] == 1
    assert len(answers()) == 1
    assert DeadLetter.objects.get().code == "conflict"


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (NOON, NOON + timedelta(days=31, seconds=1)),
        (NOON - timedelta(days=100), NOON - timedelta(days=99)),
    ],
)
def test_window_has_bounds(start: datetime, end: datetime) -> None:
    """A longer or older window would read too much of the log."""
    assert handled(total(start=start, end=end)) == {"parked": 1}
    assert DeadLetter.objects.get().code == "invalid"
    assert not Event.objects.filter(type="control_total.compared").exists()


def test_total_waits_before_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Earlier operations may still be on their way on other partitions."""
    monkeypatch.setattr(control_totals, "ANSWER_AFTER", timedelta(minutes=1))
    assert handled(total()) == {"waiting": 1}
    assert answers() == []


def test_answer_counts_unfinished_messages(user: User, machine: Machine) -> None:
    """Unread messages, waiting messages and dead letters of that topic."""
    unknown = make.submission("solving", 10**9, machine=machine.pk, count_of_lines=1)
    late = message(
        Operation.event_type, b'{"type":"solving","operation_user":999999,"machine":1,"count_of_lines":1}'
    )
    broken = message(Operation.event_type, b"{}", offset=next(_offsets))
    with connection.cursor() as cursor:
        cursor.execute(
            """insert into events_kafka_position
                   (topic_id, partition, topic, next_offset, end_offset, updated_at)
               values (%s, 0, %s, 7, 10, now())""",
            [late.topic_id, late.topic],
        )
    assert post([unknown])[0].status == "undecided"
    handled(late, broken, total())
    answer = only(answers())
    assert (answer.not_read, answer.waiting, answer.dead_letters) == (3, 1, 1)


def test_answers_pass_verification(user: User, machine: Machine) -> None:
    """An answer conforms to its contract, has a key, and `verify` finds no mismatch."""
    use_ledger(user, machine)
    handled(total({"kind": "solving", "count": 2}))
    (row,) = Event.objects.filter(type="control_total.compared")
    payloads.CONTRACTS[row.type, row.schema_version].model_validate(row.data)
    found: list[str] = []
    verify(report=lambda mismatch: found.append(str(mismatch)))
    assert found == []


def test_first_position_is_found_by_binary_search(user: User) -> None:
    """It is never after the first event recorded since, also with gaps and at both ends."""
    for _ in range(5):
        make.fund(user, usd=1)
    rows = list(Event.objects.order_by("position").values_list("position", "recorded_at"))
    with connection.cursor() as cursor:
        for position, recorded_at in rows:
            found = control_totals._first_position(cursor, recorded_at)
            assert found <= position
            assert all(at < recorded_at for place, at in rows if place < found)
        assert control_totals._first_position(cursor, rows[-1][1] + timedelta(1)) <= rows[-1][0]

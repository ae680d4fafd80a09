"""Users, machines and works as their services publish them: the highest version counts, and nothing waits."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from easyautoml_ledger import reference, topics
from easyautoml_ledger.envelope import CloudEvent, to_kafka
from events.kafka.message import Message
from events.models import DeadLetter, Event
from ledger.intake import copies
from ledger.models import Account, HeldFunds, MachineTermsHistory
from models import Machine, User, Work
from tests.builders import LONG_AGO, fund, machine_copy, minutes_ago, recorded
from tests.projections.world import mismatches

pytestmark = pytest.mark.django_db(transaction=True)

_CHANGED_AT = datetime(2026, 1, 2, tzinfo=UTC)
_TOPICS = {
    reference.User.event_type: (topics.PLATFORM_USERS, topics.PLATFORM_SERVICE),
    reference.Machine.event_type: (topics.PLATFORM_MACHINES, topics.PLATFORM_SERVICE),
    reference.Work.event_type: (topics.TRAINING_WORKS, topics.TRAINING_SERVICE),
}


def _message(type_: str, **data: Any) -> Message:
    topic, source = _TOPICS[type_]
    payload = {"version": 1, "changed_at": _CHANGED_AT.isoformat(), **data}
    event = CloudEvent(id=str(uuid4()), source=source, type=type_, data=json.dumps(payload).encode())
    headers, value = to_kafka(event)
    return Message(
        topic_id=str(UUID(int=7)),
        topic=topic,
        partition=0,
        offset=int(uuid4()) % 10**9,
        key=None,
        value=value,
        headers=tuple(headers),
        timestamp=timezone.now(),
    )


def _take(*messages: Message) -> dict[str, int]:
    route = copies.ROUTES[messages[0].topic]
    return dict(route(messages, lambda _cursor: None))


def _user(user: int = 42, **data: Any) -> Message:
    return _message(reference.User.event_type, id=user, **{"email": f"user{user}@example.com", **data})


def _machine(machine: int = 7, owner: int = 42, **data: Any) -> Message:
    columns = {"age": "FLOAT", "churn": "LABEL"}
    fields = {"machine_owner_user": owner, "dfr_columns_type_user_df": columns}
    return _message(reference.Machine.event_type, id=machine, **(fields | data))


def _work(status: str, version: int, hold: UUID, **data: Any) -> Message:
    fields = {
        "id": 5,
        "machine": 7,
        "operation_user": 42,
        "mode": "solving",
        "status": status,
        "version": version,
        "count_of_lines": 1000,
        "hold": str(hold),
        "hold_expires_at": (timezone.now() + timedelta(hours=1)).isoformat(),
    }
    return _message(reference.Work.event_type, **(fields | data))


def test_an_older_version_that_arrives_late_does_not_win() -> None:
    """In any order, the row has the values of the highest version."""
    _take(_user(first_name="new", version=3), _user(first_name="old", version=2))
    assert User.objects.get(pk=42).first_name == "new"
    _take(_user(first_name="older", version=1))
    assert User.objects.get(pk=42).first_name == "new"


def test_unknown_fields_are_ignored() -> None:
    """The payloads of other teams may grow."""
    _take(_user(favourite_colour="green"))
    assert User.objects.filter(pk=42).exists()


def test_a_machine_is_applied_once_its_owner_is_known() -> None:
    """No other message waits for it."""
    _take(_machine())
    _take(_user(43))
    assert not Machine.objects.filter(pk=7).exists()
    assert User.objects.filter(pk=43).exists()
    _take(_user())
    assert Machine.objects.get(pk=7).machine_owner_user_id == 42


def test_the_history_of_prices_counts_from_when_they_changed() -> None:
    """From the publisher's time, not from the message's arrival."""
    _take(_user())
    _take(_machine(machine_copy_price_usd="5"))
    changed_at = minutes_ago(60)
    _take(_machine(machine_copy_price_usd="6", version=2, changed_at=changed_at.isoformat()))
    assert _prices_since() == [(LONG_AGO, 5), (changed_at, 6)]


def test_a_later_version_that_was_changed_earlier_counts_after_its_predecessor() -> None:
    """The price that is shown is the price that is charged, whatever the publisher's clock said."""
    _take(_user(), _user(43))
    _take(_machine(machine_copy_price_usd="5"))
    changed_at, earlier = minutes_ago(60), minutes_ago(120)
    _take(_machine(machine_copy_price_usd="6", version=2, changed_at=changed_at.isoformat()))
    _take(_machine(machine_copy_price_usd="7", version=3, changed_at=earlier.isoformat()))
    assert _prices_since() == [(LONG_AGO, 5), (changed_at, 6), (changed_at, 7)]
    buyer = fund(User.objects.get(pk=43), usd=20)
    assert Machine.objects.get(pk=7).machine_copy_price_usd == 7
    for moment, price in ((minutes_ago(90), "5"), (changed_at, "7"), (minutes_ago(1), "7")):
        event = recorded(machine_copy(7, user=buyer, at=moment))
        assert Decimal(event.data["pricing"]["unit_price"]) == Decimal(price)
    assert mismatches() == []


def test_a_change_before_the_bounds_of_operations_counts_from_there() -> None:
    """A publisher that says 2020 changes no price of an operation that was recorded already."""
    _take(_user())
    _take(_machine(machine_copy_price_usd="5"))
    before = timezone.now()
    _take(_machine(machine_copy_price_usd="6", version=2, changed_at="2020-01-01T00:00:00Z"))
    (_, first), (since, second) = _prices_since()
    assert (first, second) == (5, 6)
    assert before <= since + timedelta(days=90) <= timezone.now()


def test_a_change_a_little_ahead_counts_from_its_arrival() -> None:
    """Nothing is shown that is not charged yet."""
    _take(_user())
    _take(_machine(machine_copy_price_usd="5"))
    before = timezone.now()
    ahead = (before + timedelta(minutes=4)).isoformat()
    _take(_machine(machine_copy_price_usd="6", version=2, changed_at=ahead))
    (_, _first), (since, second) = _prices_since()
    assert second == 6
    assert before <= since <= timezone.now()


def test_a_change_that_waits_for_its_owner_counts_from_its_own_arrival() -> None:
    """Applying it later changes nothing."""
    _take(_user())
    _take(_machine(machine_copy_price_usd="5"))
    changed_at = minutes_ago(30)
    _take(_machine(owner=43, machine_copy_price_usd="6", version=2, changed_at=changed_at.isoformat()))
    _take(_user(43))
    assert _prices_since() == [(LONG_AGO, 5), (changed_at, 6)]


@pytest.mark.parametrize(
    "type_", [reference.User.event_type, reference.Machine.event_type, reference.Work.event_type]
)
def test_a_change_far_ahead_is_a_dead_letter(type_: str) -> None:
    """A publisher that says 2199 does not lock everything that it changes later."""
    _take(_user())
    _take(_machine())
    changed: dict[str, Callable[..., Message]] = {
        reference.User.event_type: _user,
        reference.Machine.event_type: _machine,
        reference.Work.event_type: partial(_work, "wait_for_server_start", hold=uuid4()),
    }
    make = changed[type_]
    assert _take(make(version=2, changed_at="2199-01-01T00:00:00Z"))["parked"] == 1
    assert [dead_letter.code for dead_letter in DeadLetter.objects.all()] == ["invalid"]
    assert _take(make(version=2))["kept"] == 1


def test_a_tombstone_from_the_future_counts_from_its_arrival() -> None:
    """A deleted user can be created again."""
    _take(_user())
    deletion = replace(_user(), key=b"42", value=None, headers=(), timestamp=datetime(2199, 1, 1, tzinfo=UTC))
    assert _take(deletion)["deleted"] == 1
    later = (timezone.now() + timedelta(minutes=1)).isoformat()
    assert _take(_user(version=2, changed_at=later))["kept"] == 1
    assert User.objects.filter(pk=42).exists()


def test_a_local_administrator_is_never_overwritten() -> None:
    """A message with their id becomes a dead dead_letter."""
    admin = User.objects.create_superuser("root@example.com", "secret")
    _take(_user(admin.pk))
    admin.refresh_from_db()
    assert admin.email == "root@example.com"
    assert [dead_letter.code for dead_letter in DeadLetter.objects.all()] == ["id_is_local"]


def test_an_unreadable_message_is_a_dead_letter() -> None:
    """It has the reason, and no other message waits for it."""
    tally = _take(_message(reference.User.event_type, id="42"), _user())
    assert tally["parked"] == 1
    assert DeadLetter.objects.get().code == "not_an_integer"
    assert User.objects.filter(pk=42).exists()


@pytest.fixture
def machine_known() -> None:
    _take(_user())
    _take(_machine())
    fund(User.objects.get(pk=42), eaml=10)


def _prices_since() -> list[tuple[datetime, int]]:
    terms = MachineTermsHistory.objects.filter(machine_id=7)
    return [(each.effective_from, int(each.copy_price or 0)) for each in terms]


def _held() -> Decimal:
    return Account.objects.get(code="user:42:eaml").held


@pytest.mark.usefixtures("machine_known")
def test_a_waiting_work_places_a_hold_and_an_error_releases_it() -> None:
    """Neither charges anything."""
    hold = uuid4()
    _take(_work("wait_for_server_start", 1, hold))
    assert _held() == Decimal("0.1")
    _take(_work("server_processing", 2, hold))
    assert _held() == Decimal("0.1")
    _take(_work("server_error", 3, hold))
    assert _held() == Decimal(0)
    assert HeldFunds.objects.get(pk=hold).state == "voided"
    work = Work.objects.get(pk=5)
    assert work.is_work_status_server_error
    assert not Event.objects.filter(type="hold.captured").exists()


@pytest.mark.usefixtures("machine_known")
def test_a_finished_work_keeps_its_hold_for_the_operation() -> None:
    """The operation that names the hold charges it; the work does not."""
    hold = uuid4()
    _take(_work("wait_for_server_start", 1, hold), _work("server_finished", 2, hold))
    assert _held() == Decimal("0.1")
    assert Work.objects.get(pk=5).is_work_status_server_finished


@pytest.mark.usefixtures("machine_known")
def test_the_same_work_twice_places_one_hold() -> None:
    """A message that is read again changes nothing."""
    hold = uuid4()
    message = _work("wait_for_server_start", 1, hold)
    _take(message)
    assert _take(message)["stale"] == 1
    assert _held() == Decimal("0.1")


@pytest.mark.usefixtures("machine_known")
def test_an_error_before_the_work_that_it_ends_places_nothing() -> None:
    """The late message of the waiting work has the lower version."""
    hold = uuid4()
    _take(_work("server_error", 2, hold))
    _take(_work("wait_for_server_start", 1, hold))
    assert _held() == Decimal(0)
    assert not HeldFunds.objects.exists()

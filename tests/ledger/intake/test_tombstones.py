"""Deleted users, machines and works: removed or kept for a reason, never brought back by a late message."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.utils import timezone

from easyautoml_ledger import topics
from events.kafka.message import Message
from events.models import DeadLetter, Event
from ledger.engine.posting import post
from ledger.intake import copies, dead_letters
from ledger.models import HeldFunds
from models import Machine, Operation, User, Work
from tests import builders as make
from tests.builders import balances, fund, make_machine, make_user, post_one, recorded, solving
from tests.connections import Worker, another, together, until, waits_for_a_lock
from tests.ledger.intake.broker.test_copies import _CHANGED_AT, _machine, _take, _user, _work
from tests.ledger.intake.test_hold_messages import captured, taken

pytestmark = pytest.mark.django_db(transaction=True)

_offsets: Final = count(2_000_000)
_GONE_AT: Final = _CHANGED_AT + timedelta(days=1)
USERS: Final = topics.PLATFORM_USERS
MACHINES: Final = topics.PLATFORM_MACHINES
WORKS: Final = topics.TRAINING_WORKS


def tombstone(topic: str, key: int | bytes | None, *, at: datetime = _GONE_AT, **headers: bytes) -> Message:
    """Return a message without a value, as a compacted topic keeps it."""
    return Message(
        topic_id=str(UUID(int=8)),
        topic=topic,
        partition=0,
        offset=next(_offsets),
        key=str(key).encode() if isinstance(key, int) else key,
        value=None,
        headers=list(headers.items()),
        timestamp=at,
    )


def codes() -> list[str]:
    return list(DeadLetter.objects.order_by("id").values_list("code", flat=True))


def closed() -> list[str]:
    return list(
        Event.objects.filter(type="user.closed").order_by("position").values_list("stream", flat=True)
    )


def test_a_user_with_empty_accounts_is_closed_and_deleted() -> None:
    """With everything they own; the log has one event of it."""
    _take(_user(), _user(43))
    _take(_machine())
    assert _take(tombstone(USERS, 42))["deleted"] == 1
    assert not User.objects.filter(pk=42).exists()
    assert not Machine.objects.filter(pk=7).exists()
    assert User.objects.filter(pk=43).exists()
    assert closed() == ["user:42"]
    assert _take(tombstone(USERS, 42))["deleted"] == 1, "the same once more"
    assert (closed(), codes()) == (["user:42"], [])


@pytest.mark.parametrize("something", ["usd", "eaml", "coupon", "held", "due"])
def test_a_user_with_a_balance_is_kept_and_inactive(something: str) -> None:
    """The dead letter can be replayed once the accounts are empty, and then the user is deleted."""
    _take(_user())
    user = User.objects.get(pk=42)
    machine = make_machine(make_user())
    hold = uuid4()
    match something:
        case "usd" | "eaml":
            fund(user, **{something: 5})
        case "coupon":
            post([make.adjustment(user, "coupon", 5)])
        case "held":
            fund(user, eaml="0.1")
            _take(_work("wait_for_server_start", 1, hold, machine=machine.pk))
        case _:
            recorded(solving(machine, user=user))
    assert _take(tombstone(USERS, 42))["parked"] == 1
    user.refresh_from_db()
    assert (user.is_active, codes(), closed()) == (False, ["user_has_balance"], [])
    dead_letter = DeadLetter.objects.get()
    assert dead_letter.value is None
    assert dead_letters.replay(dead_letter=dead_letter.pk, actor="ann") == {"parked": 1}
    for _ in range(2):  # what is held is taken after its hold was voided
        if something == "held":
            _take(_work("server_error", 2, hold, machine=machine.pk))
        if something == "due":
            fund(user, eaml=1)
        for code, amount in balances(user).items():
            post([make.adjustment(user, code.split(":", 2)[2], str(-amount))])
        something = ""
    assert balances(user) == {}
    assert dead_letters.replay(dead_letter=dead_letter.pk, actor="ann") == {"deleted": 1}
    assert not User.objects.filter(pk=42).exists()
    assert closed() == ["user:42"]


def test_an_older_update_does_not_bring_a_user_back() -> None:
    """Whatever its version; an update made after the deletion does."""
    _take(_user(version=3))
    _take(_machine(version=3))
    _take(tombstone(MACHINES, 7), tombstone(USERS, 42))
    late = (_GONE_AT - timedelta(seconds=1)).isoformat()
    for version in (2, 3):
        assert _take(_user(version=version, changed_at=late))["stale"] == 1
        assert _take(_machine(version=version, changed_at=late))["stale"] == 1
    assert _take(_user(version=4, changed_at=late), _machine(version=4, changed_at=late))["parked"] == 2
    assert codes() == ["changed_before_deletion"] * 2
    assert not User.objects.filter(pk=42).exists()
    assert not Machine.objects.filter(pk=7).exists()
    later = (_GONE_AT + timedelta(seconds=1)).isoformat()
    assert _take(_user(version=3, changed_at=later))["stale"] == 1, "its version is not higher"
    assert _take(_user(version=5, changed_at=later))["kept"] == 1
    assert User.objects.filter(pk=42, is_active=True).exists()


def test_a_tombstone_may_come_first() -> None:
    """There is nothing to delete, and updates sent before it are dead letters."""
    _take(tombstone(USERS, 42), tombstone(MACHINES, 7), tombstone(WORKS, 5))
    _take(_user())
    _take(_machine())
    assert not User.objects.filter(pk=42).exists()
    assert not Machine.objects.filter(pk=7).exists()
    assert (closed(), codes()) == ([], ["changed_before_deletion"] * 2)


def test_a_tombstone_from_an_hour_ahead_hides_no_later_version() -> None:
    """It counts from its arrival. A version from before that is a dead letter, and a later one is applied."""
    _take(_user())
    before = timezone.now()
    assert _take(tombstone(USERS, 42, at=before + timedelta(hours=1)))["deleted"] == 1
    assert _take(_user(version=2, changed_at=before.isoformat()))["parked"] == 1
    assert codes() == ["changed_before_deletion"]
    assert _take(_user(version=3, changed_at=timezone.now().isoformat()))["kept"] == 1
    assert User.objects.filter(pk=42, is_active=True).exists()


def test_a_tombstone_counts_for_earlier_messages_of_its_batch() -> None:
    """Later ones of the same batch are applied."""
    later = (_GONE_AT + timedelta(seconds=1)).isoformat()
    _take(
        _user(), tombstone(USERS, 42), _user(43), tombstone(USERS, 43), _user(43, version=2, changed_at=later)
    )
    assert list(User.objects.filter(pk__in=(42, 43)).values_list("pk", flat=True)) == [43]


def test_a_deleted_machine_leaves_its_number_on_operations() -> None:
    """A hold that was placed for it can still be captured."""
    _take(_user())
    _take(_machine())
    user, hold = fund(User.objects.get(pk=42), eaml=10), uuid4()
    _take(_work("wait_for_server_start", 1, hold))
    event = recorded(solving(7, user=user))
    _take(tombstone(MACHINES, 7))
    assert not Machine.objects.filter(pk=7).exists()
    operation = Operation.objects.get(pk=event.id)
    assert (operation.machine, operation.recorded_machine_id) == (None, 7)
    assert taken(captured(hold, lines=1000)) == {"recorded": 1}
    assert balances(user) == {"user:42:eaml": Decimal("9.8")}
    assert codes() == []


def test_a_deleted_work_keeps_its_hold() -> None:
    """The operation that names the hold may still arrive."""
    _take(_user())
    _take(_machine())
    fund(User.objects.get(pk=42), eaml=10)
    hold = uuid4()
    _take(_work("wait_for_server_start", 1, hold))
    _take(tombstone(WORKS, 5))
    assert not Work.objects.filter(pk=5).exists()
    assert HeldFunds.objects.get(pk=hold).state == "open"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (tombstone(USERS, None), "key_is_no_id"),
        (tombstone(USERS, b""), "key_is_no_id"),
        (tombstone(MACHINES, b"seven"), "key_is_no_id"),
        (tombstone(USERS, b"0"), "key_is_no_id"),
        (tombstone(USERS, b"9" * 30), "key_is_no_id"),
        (tombstone(USERS, "٤٢".encode()), "key_is_no_id"),
        (tombstone(USERS, 42, ce_source=b"/services/training"), "source_not_allowed"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value.key),
)
def test_a_tombstone_that_is_not_accepted_is_a_dead_letter(message: Message, code: str) -> None:
    """Nothing is deleted."""
    _take(_user())
    assert _take(message)["parked"] == 1
    assert codes() == [code]
    assert User.objects.filter(pk=42).exists()


def test_a_tombstone_may_name_its_source() -> None:
    """It must be a source that the topic accepts."""
    _take(_user())
    assert _take(tombstone(USERS, 42, ce_source=topics.PLATFORM_SERVICE.encode()))["deleted"] == 1


def test_a_local_administrator_is_not_deleted() -> None:
    """The id belongs to them, not to a user of the platform."""
    admin = User.objects.create_superuser("root@example.com", "secret")
    _take(tombstone(USERS, admin.pk))
    assert codes() == ["id_is_local"]
    assert User.objects.filter(pk=admin.pk, is_active=True).exists()


def test_a_user_who_is_being_paid_is_not_deleted() -> None:
    """The tombstone waits for the payment and then becomes a dead letter."""
    _take(_user())
    user = User.objects.get(pk=42)
    with another() as other, other.cursor() as cursor:
        post_one(make.top_up(user, 1))
        post([make.adjustment(user, "usd", -1)])
        cursor.execute("begin")
        cursor.execute("select from ledger_account where user_id = 42 order by id for no key update")
        payer = Worker(lambda: post_one(make.top_up(user, "10")))
        until(waits_for_a_lock)
        taker = Worker(lambda: _take(tombstone(USERS, 42)))
        until(lambda: waits_for_a_lock(2))
        cursor.execute("commit")
    payer.answer()
    taker.answer()
    left = balances(42)
    assert (codes(), closed()) in ((["user_has_balance"], []), ([], ["user:42"]))
    assert left == ({"user:42:usd": Decimal(10)} if codes() else {})


def test_many_are_deleted_while_they_are_paid(no_waiting_for_deadlocks: None) -> None:
    """In any order, without a deadlock; users who received money are kept."""
    numbers = list(range(5001, 5031))
    _take(*(_user(number) for number in numbers))
    payments = [make.top_up(number, "1", reference=f"to {number}") for number in numbers]

    def pay() -> None:
        for at in range(0, len(payments), 6):
            post(payments[at : at + 6])

    def delete() -> None:
        for at in range(0, len(numbers), 5):
            _take(*(tombstone(USERS, number) for number in reversed(numbers[at : at + 5])))

    together(pay, delete)
    still_there = set(User.objects.filter(pk__in=numbers).values_list("pk", flat=True))
    assert balances(*numbers) == {f"user:{number}:usd": Decimal(1) for number in still_there}
    assert len(codes()) == len(still_there)
    assert len(closed()) == len(numbers) - len(still_there)


@pytest.mark.parametrize("_", range(5))
def test_an_update_is_applied_while_its_user_is_deleted(_: int) -> None:
    """In either order the user is deleted in the end."""
    _take(_user())
    with connection.cursor() as cursor:
        cursor.execute("update ledger_reference set applied = false")
    together(copies.apply, lambda: _take(tombstone(USERS, 42)))
    assert copies.apply()["applied"] == 0
    assert not User.objects.filter(pk=42).exists()


def test_a_state_that_the_tables_cannot_store_is_a_dead_letter() -> None:
    """An invalid email, a column of an unknown type. The other messages are stored."""
    tally = _take(_user(email="nobody"), _user(43))
    assert (tally["parked"], tally["kept"]) == (1, 1)
    _take(_machine(owner=43, dfr_columns_type_user_df={"age": "BLOB"}))
    assert codes() == ["invalid_value", "invalid_value"]
    reasons = DeadLetter.objects.order_by("id").values_list("reason", flat=True)
    assert ["email" in reasons[0], "dfr_columns_type_user_df" in reasons[1]] == [True, True]
    assert User.objects.filter(pk=43).exists()


def test_an_email_that_changes_hands_waits_for_its_owner() -> None:
    """The owner's change arrives later on another partition; no other message waits."""
    _take(_user(42, email="shared@example.com"))
    tally: dict[str, Any] = _take(_user(43, email="shared@example.com"), _user(44))
    assert (tally["put_off"], tally["applied"]) == (1, 1)
    assert not User.objects.filter(pk=43).exists()
    assert _take(_user(42, email="new@example.com", version=2))["applied"] == 2
    assert User.objects.get(pk=43).email == "shared@example.com"


def test_an_email_in_other_letters_waits_for_its_owner_too() -> None:
    """`pat.lee@` and `Pat.Lee@` are one address, which belongs to one user."""
    _take(_user(64, email="pat.lee@example.com"))
    assert _take(_user(65, email="Pat.Lee@example.com"))["put_off"] == 1
    assert not User.objects.filter(pk=65).exists()
    assert _take(_user(64, email="lee@example.com", version=2))["applied"] == 2
    assert User.objects.get(pk=65).email == "Pat.Lee@example.com"


def test_users_who_swap_their_emails_do_not_wait_for_each_other() -> None:
    """Whichever is applied first takes the address that the other one has given up."""
    addresses = ("pat@example.com", "lee@example.com", "kim@example.com")
    _take(*(_user(64 + number, email=email) for number, email in enumerate(addresses)))
    _take(_user(64, email="Lee@example.com", version=2))
    _take(_user(65, email="kim@example.com", version=2))
    assert User.objects.get(pk=64).email == "Lee@example.com"
    assert "put_off" not in _take(_user(66, email="Pat@example.com", version=2))
    found = dict(User.objects.filter(pk__in=(64, 65, 66)).values_list("pk", "email"))
    assert found == {64: "Lee@example.com", 65: "kim@example.com", 66: "Pat@example.com"}


def test_an_email_of_a_deleted_user_is_free_at_once() -> None:
    """Its new owner does not wait for the next attempt."""
    _take(_user(42, email="shared@example.com"))
    _take(_user(43, email="shared@example.com"))
    assert _take(tombstone(USERS, 42))["applied"] == 1
    assert User.objects.get(pk=43).email == "shared@example.com"


def test_two_users_with_one_email_are_retried_less_and_less_often(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """After 10 s, twice as late each time, up to an hour; one line a day is logged."""
    _take(_user(42, email="shared@example.com"))
    _take(_user(43, email="shared@example.com"))
    assert copies.apply() == {}, "not before its time"

    delays = []
    for _ in range(12):
        with connection.cursor() as cursor:
            cursor.execute(
                """with was as (select retry_at - now() as delay from ledger_reference where thing_id = 43)
                   update ledger_reference set retry_at = now() from was where thing_id = 43
                   returning round(extract(epoch from was.delay) / 10)"""
            )
            delays.append(int(cursor.fetchone()[0]))
        assert copies.apply()["put_off"] == 1
    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]
    assert caplog.text.count("user 43 cannot be applied yet") == 1

    with connection.cursor() as cursor:
        cursor.execute(
            """update ledger_reference set retry_at = now(), logged_at = now() - interval '25 hours'
               where thing_id = 43"""
        )
    copies.apply()
    assert caplog.text.count("user 43 cannot be applied yet") == 2


def test_a_new_version_of_a_refused_user_is_tried_at_once() -> None:
    """However long the old one would have waited."""
    _take(_user(42, email="shared@example.com"))
    _take(_user(43, email="shared@example.com"))
    assert _take(_user(43, email="own@example.com", version=2))["applied"] == 1
    assert User.objects.get(pk=43).email == "own@example.com"

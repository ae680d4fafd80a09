"""Owner, prices and columns of a machine are stored as history, by a trigger on its table."""

from datetime import datetime

import pytest
from django.db import connection
from django.utils import timezone

from ledger.engine.posting import post
from ledger.models import MachineTermsHistory
from models import Machine, User
from tests import builders as make
from tests.builders import code_of, make_user, post_one, recorded, transfers

pytestmark = pytest.mark.django_db


def history(machine: Machine) -> list[MachineTermsHistory]:
    return list(MachineTermsHistory.objects.filter(machine_id=machine.pk))


def test_first_terms_apply_to_all_earlier_operations(machine: Machine) -> None:
    """An operation from before the row was created still has a price."""
    (first,) = history(machine)
    assert first.effective_from == make.LONG_AGO
    assert (first.owner_id, first.columns) == (machine.machine_owner_user_id, 2)


def test_change_of_a_price_is_stored_with_its_time(machine: Machine) -> None:
    """Changes of other columns are not stored."""
    before = timezone.now()
    Machine.objects.filter(pk=machine.pk).update(machine_copy_price_usd=9)
    Machine.objects.filter(pk=machine.pk).update(machine_description="longer")
    machine.refresh_from_db()
    machine.save()
    first, second = history(machine)
    assert [terms.copy_price for terms in (first, second)] == [5, 9]
    assert before <= second.effective_from <= timezone.now()


@pytest.mark.parametrize(("columns", "counted"), [({}, 0), ({"a": "FLOAT", "b": "TEXT", "c": "DATE"}, 3)])
def test_columns_are_counted(owner: User, columns: dict[str, str], counted: int) -> None:
    """The price of a training depends on their number."""
    machine = Machine.objects.create(
        machine_name="m", machine_owner_user=owner, dfr_columns_type_user_df=columns
    )
    assert [terms.columns for terms in history(machine)] == [counted]


def test_operation_is_priced_at_the_time_it_occurred(user: User, machine: Machine) -> None:
    """The time of arrival does not matter."""
    between = timezone.now()
    Machine.objects.filter(pk=machine.pk).update(machine_copy_price_usd=10)
    old = recorded(make.machine_copy(machine, user=user, at=between))
    new = recorded(make.machine_copy(machine, user=user))
    assert [transfers(event.data)[0][2] for event in (old, new)] == ["4", "8"]
    assert code_of(post_one(make.machine_copy(machine, user=user, unit_price="5"))) == "price_changed"
    assert code_of(post_one(make.machine_copy(machine, user=user, unit_price="5", at=between))) == "recorded"


def test_training_is_paid_by_the_owner_at_the_time(user: User, machine: Machine) -> None:
    """The current owner does not matter."""
    former, between = machine.machine_owner_user, timezone.now()
    Machine.objects.filter(pk=machine.pk).update(machine_owner_user=user)
    old = recorded(make.training(machine, user=user, at=between))
    new = recorded(make.training(machine, user=user))
    assert transfers(old.data) == [(f"user:{former.pk}:due:eaml", "platform:revenue:eaml", "0.02")]
    assert transfers(new.data) == [(f"user:{user.pk}:eaml", "platform:revenue:eaml", "0.02")]


def test_feed_sets_the_time_from_which_its_change_applies(user: User, machine: Machine) -> None:
    """A price that another service changed applies from the change, not from its arrival."""
    since = make.minutes_ago(30)
    with connection.cursor() as cursor:
        cursor.execute("set local ledger.effective_at = %s", [since.isoformat()])
    Machine.objects.filter(pk=machine.pk).update(machine_copy_price_usd=10)
    prices: dict[datetime, str] = {}
    for moment in (make.minutes_ago(31), make.minutes_ago(29)):
        event = recorded(make.machine_copy(machine, user=user, at=moment))
        prices[moment] = event.data["pricing"]["unit_price"]
    assert list(prices.values()) == ["5.00000000", "10.00000000"]


def test_batch_reads_all_terms_that_its_operations_need(user: User, machine: Machine) -> None:
    """The oldest and the newest operation of a batch each get their own price."""
    moments = []
    for price in (6, 7, 8):
        moments.append(timezone.now())
        Machine.objects.filter(pk=machine.pk).update(machine_copy_price_usd=price)
    moments.append(timezone.now())
    outcomes = post([make.machine_copy(machine, user=user, at=moment) for moment in reversed(moments)])
    paid = [
        outcome.event.data["pricing"]["unit_price"][0] for outcome in outcomes if outcome.event is not None
    ]
    assert paid == ["8", "7", "6", "5"]


def test_buyer_who_became_the_owner_cannot_buy(machine: Machine) -> None:
    """The owner at the time of the operation decides."""
    buyer = make.fund(make_user(), usd=20)
    before = timezone.now()
    Machine.objects.filter(pk=machine.pk).update(machine_owner_user=buyer)
    assert code_of(post_one(make.machine_copy(machine, user=buyer))) == "own_machine"
    assert code_of(post_one(make.machine_copy(machine, user=buyer, at=before))) == "recorded"


def test_newest_terms_are_always_the_machine(machine: Machine) -> None:
    """Any later change of the machine's row repairs a history that was changed past the trigger."""
    with connection.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica")
        Machine.objects.filter(pk=machine.pk).update(machine_copy_price_usd=9)
        cursor.execute("set local session_replication_role = origin")
    assert [terms.copy_price for terms in history(machine)] == [5]
    Machine.objects.filter(pk=machine.pk).update(machine_description="longer")
    assert [terms.copy_price for terms in history(machine)] == [5, 9]


@pytest.mark.parametrize("since", ["2020-01-01T00:00:00Z", "2199-01-01T00:00:00Z"])
def test_terms_count_in_the_order_of_their_versions(machine: Machine, since: str) -> None:
    """A time before the predecessor's, or after now, does not put a version out of order."""
    Machine.objects.filter(pk=machine.pk).update(machine_copy_price_usd=9)
    with connection.cursor() as cursor:
        cursor.execute("set local ledger.effective_at = %s", [since])
    Machine.objects.filter(pk=machine.pk).update(machine_copy_price_usd=10)
    _, second, third = history(machine)
    assert [terms.copy_price for terms in (second, third)] == [9, 10]
    assert second.effective_from <= third.effective_from <= timezone.now()

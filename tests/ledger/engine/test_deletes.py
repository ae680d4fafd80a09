"""Deleting users and machines: records keep the number, and nobody goes who still has something."""

import pytest
from django.db import DatabaseError, connection, transaction

from events.models import Event
from ledger.domain.errors import Invalid
from ledger.engine.posting import post
from models import Machine, Operation, User
from models.billing import Entry
from tests import builders as make
from tests.builders import balances, code_of, make_user, post_one, recorded
from tests.connections import Worker, another, until, waits_for_a_lock

pytestmark = pytest.mark.django_db


def spend_all(user: User) -> None:
    post([make.adjustment(user, "usd", -100), make.adjustment(user, "eaml", -100)])
    assert balances(user) == {}


def test_deleted_machine_leaves_its_number_on_operations(user: User, machine: Machine) -> None:
    """The reference is emptied; what was recorded stays."""
    event = recorded(make.solving(machine, user=user))
    number = machine.pk
    machine.delete()
    operation = Operation.objects.get(pk=event.id)
    assert operation.machine is None
    assert operation.recorded_machine_id == number
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")


def test_deleted_user_leaves_his_number_on_operations(user: User, machine: Machine) -> None:
    """Both who did it and whose machine it was."""
    event = recorded(make.solving(machine, user=user, lines=0))
    owner, number = machine.machine_owner_user, user.pk
    spend_all(user)
    user.delete()
    owner_number = owner.pk
    owner.delete()
    operation = Operation.objects.get(pk=event.id)
    assert (operation.operation_user, operation.machine_owner, operation.machine) == (None, None, None)
    assert operation.recorded_operation_user_id == number
    assert operation.recorded_machine_owner_id == owner_number
    assert not Entry.objects.filter(user=number).exists()
    assert Entry.objects.filter(account_id__gte=1000, user=None).count() == 4
    assert Event.objects.filter(type="user.closed", stream=f"user:{number}").count() == 1
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")


def test_user_with_a_balance_cannot_be_deleted(user: User) -> None:
    """Nor with a debt; whoever tries."""
    with pytest.raises(Invalid) as refused:
        user.delete()
    assert refused.value.details["account"] == f"user:{user.pk}:usd"
    with (
        pytest.raises(DatabaseError) as caught,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("delete from models_user where id = %s", [user.pk])
    cause = caught.value.__cause__
    assert getattr(cause, "pgcode", None) == "LG002"
    assert cause.diag.constraint_name == "ledger_user_has_balance"  # type: ignore[union-attr]
    assert User.objects.filter(pk=user.pk).exists()
    assert not Event.objects.filter(type="user.closed", stream=f"user:{user.pk}").exists()


def test_user_who_owes_cannot_be_deleted(machine: Machine) -> None:
    """A debt is something on an account."""
    debtor = make_user()
    recorded(make.solving(machine, user=debtor))
    with pytest.raises(Invalid):
        debtor.delete()


def test_operation_of_a_deleted_owner_charges_nobody(user: User, machine: Machine) -> None:
    """A late training of the time before the machine changed hands: its payer is gone."""
    former = machine.machine_owner_user
    occurred = make.minutes_ago(5)
    with connection.cursor() as cursor:
        cursor.execute("set local ledger.effective_at = %s", [make.minutes_ago(2).isoformat()])
        cursor.execute(
            "update models_machine set machine_owner_user_id = %s where id = %s", [user.pk, machine.pk]
        )
    former.delete()
    late = make.training(machine, user=user, at=occurred)
    assert code_of(post_one(late)) == "undecided"
    assert balances() == balances(user)


@pytest.mark.django_db(transaction=True)
def test_user_who_is_being_deleted_gets_no_money() -> None:
    """The first operation of a user meets the deletion of his row: one of them comes first."""
    user = make_user()
    submission = make.top_up(user, "10")
    with another() as other, other.cursor() as cursor:
        cursor.execute("begin")
        cursor.execute("delete from models_user where id = %s", [user.pk])
        poster = Worker(lambda: post_one(submission))
        until(waits_for_a_lock)
        cursor.execute("commit")
        assert code_of(poster.answer()) == "undecided"
    assert balances() == {}
    assert not Operation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_user_who_is_being_paid_is_not_deleted() -> None:
    """The other way round: the money is there, so the row stays."""
    user = make_user()
    with another() as other, other.cursor() as cursor:

        class Slow:
            def begin(self, cursor: object) -> None:
                """Nothing to prepare."""

            def finish(self, cursor: object, outcomes: object) -> None:  # noqa: ARG002
                self.deleter = Worker(delete)
                until(waits_for_a_lock)

        def delete() -> None:
            cursor.execute("delete from models_user where id = %s", [user.pk])

        slow = Slow()

        def post_slowly() -> None:
            post([make.top_up(user, "10")], hook=slow)

        Worker(post_slowly).answer()
        with pytest.raises(Exception, match="has something on an account"):
            slow.deleter.answer()
    assert balances(user) == {f"user:{user.pk}:usd": make.amount(10)}


@pytest.mark.django_db(transaction=True)
def test_user_stays_locked_from_closing_to_the_end_of_his_row(user: User) -> None:
    """No money arrives in between: it would be lost, or the log would tell of a closing that never was."""
    spend_all(user)
    machine = make.make_machine(user)
    with another() as other, other.cursor() as cursor:
        cursor.execute("begin")
        cursor.execute("select from models_machine where id = %s for update", [machine.pk])
        number = user.pk
        deleter = Worker(user.delete)
        until(waits_for_a_lock)
        poster = Worker(lambda: post_one(make.top_up(number, "10")))
        until(lambda: waits_for_a_lock(2))
        cursor.execute("commit")
    deleter.answer()
    assert code_of(poster.answer()) == "undecided"
    assert balances() == {}
    assert Event.objects.filter(type="user.closed").count() == 1

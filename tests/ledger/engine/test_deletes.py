"""Deleting users and machines: records keep their ids, and only users with empty accounts can be deleted."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction

from events.models import Event
from ledger.domain.errors import Invalid
from ledger.engine.posting import post
from ledger.engine.submission import Submission
from ledger.models import ProposedChange
from models import Machine, Operation, User
from models.billing import Entry
from projections.verification import verify
from tests import builders as make
from tests import commands as do
from tests.builders import balances, code_of, fund, make_user, post_one, recorded
from tests.connections import Worker, another, until, waits_for_a_lock

pytestmark = pytest.mark.django_db


def spend_all(user: User) -> None:
    post([make.adjustment(user, "usd", -100), make.adjustment(user, "eaml", -100)])
    assert balances(user) == {}


def test_deleted_machine_leaves_its_id_on_operations(user: User, machine: Machine) -> None:
    """Only the reference to the row is emptied."""
    event = recorded(make.solving(machine, user=user))
    number = machine.pk
    machine.delete()
    operation = Operation.objects.get(pk=event.id)
    assert operation.machine is None
    assert operation.recorded_machine_id == number
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")


def test_deleted_user_leaves_their_id_on_operations(user: User, machine: Machine) -> None:
    """The user of the operation and the owner of the machine both do."""
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
    """The ORM and the database both refuse it."""
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
    """A due is an amount on an account."""
    debtor = make_user()
    recorded(make.solving(machine, user=debtor))
    with pytest.raises(Invalid):
        debtor.delete()


def test_operation_of_a_deleted_owner_is_rejected(user: User, machine: Machine) -> None:
    """The payer of a late training, who owned the machine at the time, does not exist any more."""
    former = machine.machine_owner_user
    occurred = make.minutes_ago(5)
    with connection.cursor() as cursor:
        cursor.execute("set local ledger.effective_at = %s", [make.minutes_ago(2).isoformat()])
        cursor.execute(
            "update models_machine set machine_owner_user_id = %s where id = %s", [user.pk, machine.pk]
        )
    former.delete()
    late = make.training(machine, user=user, at=occurred)
    assert code_of(post_one(late)) == "user_gone"
    assert balances() == balances(user)


@pytest.mark.parametrize("verdict", [do.approve, do.decline])
def test_proposals_about_a_deleted_user_expire(verdict: Callable[..., Submission]) -> None:
    """Approving or declining one is a final error, also once somebody has the id again."""
    user = make_user()
    proposal = recorded(do.adjust(user, "usd", 1001)).id
    number = user.pk
    user.delete()
    states = dict(ProposedChange.objects.values_list("pk", "state"))
    assert {str(each): state for each, state in states.items()} == {proposal: "expired"}
    closing = list(Event.objects.order_by("position").values_list("type", flat=True))[-2:]
    assert closing == ["proposal.expired", "user.closed"]
    assert code_of(post_one(verdict(proposal))) == "proposal_expired"
    User.objects.create(pk=number, email="again@example.com")
    assert code_of(post_one(verdict(proposal))) == "proposal_expired"
    found: list[str] = []
    verify(report=lambda mismatch: found.append(str(mismatch)))
    assert found == []


def test_commands_about_what_a_deleted_user_left_are_final(machine: Machine) -> None:
    """A hold or payout that was ended before is not waited for."""
    user, hold, payout = fund(make_user(), usd=1, eaml=10), str(uuid4()), str(uuid4())
    recorded(do.place(machine, user=user, lines=1000, hold=hold))
    recorded(do.void(hold))
    recorded(do.request_payout(user, 1, payout=payout))
    recorded(do.pay(payout))
    recorded(make.adjustment(user, "eaml", -10))
    user.delete()
    for late in (do.capture(hold, lines=1), do.void(hold), do.pay(payout), do.fail(payout)):
        assert code_of(post_one(late)) == "user_gone"


@pytest.mark.django_db(transaction=True)
def test_user_who_is_being_deleted_gets_no_money() -> None:
    """A user's first operation waits for the deletion of the row, and is then undecided."""
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
    """The deletion waits for the operation, and then fails because of the balance."""
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
def test_user_stays_locked_from_closing_to_deletion(user: User) -> None:
    """No money arrives in between: it would be lost, or `user.closed` would be wrong."""
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

"""Users and machines that were deleted and came again: the log says which operations were the first one's."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from ledger.engine.posting import post
from models import Billing, Machine, Operation, User
from projections.catalog import PROJECTIONS
from projections.rebuild import rebuild
from projections.rebuild_rows import rebuild_records
from tests import builders as make
from tests import commands as do
from tests.builders import fund, make_machine, make_user, recorded
from tests.projections import world as worlds

pytestmark = pytest.mark.django_db(transaction=True)


def references(column: str) -> dict[str, int | None]:
    """Return a reference of every operation, by the operation's id."""
    return {str(each): number for each, number in Operation.objects.values_list("pk", column)}


def test_a_user_who_comes_again_has_none_of_the_first_ones_operations() -> None:
    """A payment and its reversal stay without a user, a payment after the return has the user."""
    user = make_user()
    payment = recorded(make.top_up(user, 5))
    recorded(do.reverse(payment.id))
    number = user.pk
    user.delete()
    again = User.objects.create(pk=number, email=f"{uuid4().hex}@example.com")
    later = recorded(make.top_up(again, 7))
    worlds.project()
    assert worlds.mismatches() == []
    assert references("operation_user_id")[payment.id] is None
    assert references("operation_user_id")[later.id] == number
    found = references("operation_user_id")
    assert list(Billing.objects.values_list("Operation_User", flat=True)) == [number]
    worlds.corrupt("delete from models_operation")
    worlds.corrupt("delete from models_entry")
    rebuild_records()
    for projection in PROJECTIONS:
        assert rebuild(projection) == (0, 0)
    assert worlds.mismatches() == []
    assert references("operation_user_id") == found


def test_a_machine_that_comes_again_has_none_of_the_first_ones_operations() -> None:
    """The log has an event of each deletion, and work of the first one may still be paid from its hold."""
    owner, buyer = make_user(), fund(make_user(), usd=50, eaml=50)
    machine = make_machine(owner, copy="5")
    number, hold = machine.pk, str(uuid4())
    sale = recorded(make.machine_copy(machine, user=buyer))
    recorded(do.place(machine, user=buyer, lines=10_000, hold=hold))
    machine.delete()
    worlds.project()
    assert worlds.mismatches() == []
    captured = recorded(do.capture(hold, lines=5_000, final=False))
    worlds.project()
    assert worlds.mismatches() == []
    again = make_machine(owner, copy="6")
    Machine.objects.filter(pk=again.pk).delete()
    again.pk = number
    again.save(force_insert=True)
    post([do.capture(hold, lines=1_000), make.machine_copy(again, user=buyer)])
    worlds.project()
    assert worlds.mismatches() == []
    assert references("machine_id")[sale.id] is None
    assert references("machine_id")[captured.id] == number
    for projection in PROJECTIONS:
        assert rebuild(projection) == (0, 0)
    assert worlds.mismatches() == []


def test_a_machine_deleted_with_its_owner_is_in_the_log() -> None:
    """And what was deleted twice is empty up to the second time."""
    number = 905
    for _ in range(2):
        user = User.objects.create(pk=number, email=f"{uuid4().hex}@example.com")
        machine = make_machine(user)
        recorded(make.training(machine, user=user, lines=0, at=timezone.now() - timedelta(minutes=1)))
        user.delete()
    User.objects.create(pk=number, email=f"{uuid4().hex}@example.com")
    worlds.project()
    assert worlds.mismatches() == []
    for column in ("operation_user_id", "machine_owner_id", "machine_id"):
        assert set(references(column).values()) == {None}

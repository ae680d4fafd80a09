"""Posting through the ORM: the document's billing examples and their results."""

from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from djmoney.money import Money

from models import Credit, CreditIXIOO, Debit, DebitIXIOO, Entry, ImmutableRecord, Machine, Operation, User
from models.errors import AmountRefused
from models.posting import FLAGS, KIND_OF_FLAG

pytestmark = pytest.mark.django_db


def train(machine: Machine, user: User, **fields: Any) -> Operation:
    """Record the document's training operation."""
    return Operation.objects.create(
        machine=machine,
        machine_owner=machine.machine_owner_user,
        operation_user=user,
        is_training_operation=True,
        count_of_lines=1000,
        count_of_training_epoch=50,
        **fields,
    )


def top_up(user: User, amount: Any) -> Operation:
    fields: dict[str, Any] = {"amount": amount}
    return Operation.objects.create(operation_user=user, is_credit_from_user_operation=True, **fields)


def test_creating_an_operation_records_it(machine: Machine, owner: User) -> None:
    """The object has the values of the stored row."""
    operation = train(machine, owner)
    stored = Operation.objects.get(pk=operation.pk)
    assert stored.kind == operation.kind == "training"
    assert [flag for flag in FLAGS if getattr(stored, flag)] == ["is_training_operation"]
    assert (stored.machine, stored.machine_owner, stored.operation_user) == (machine, owner, owner)
    assert (
        stored.recorded_machine_id,
        stored.recorded_machine_owner_id,
        stored.recorded_operation_user_id,
    ) == (machine.pk, owner.pk, owner.pk)
    assert (stored.count_of_lines, stored.count_of_training_epoch) == (1000, 50)
    assert operation.position == stored.position > 0
    assert stored.occurred_at <= stored.recorded_at
    assert str(stored) == f"training {stored.id}"


def test_saving_a_new_operation_records_it_too(machine: Machine, owner: User) -> None:
    """Saving it again changes nothing."""
    operation = Operation(
        machine=machine,
        machine_owner=owner,
        operation_user=owner,
        is_solving_operation=True,
        count_of_lines=10,
    )
    operation.save()
    operation.save()
    assert Operation.objects.get() == operation
    assert operation.kind == "solving"


def test_a_related_manager_records_too(machine: Machine, owner: User) -> None:
    """`machine.operation_set.create` works like `Operation.objects.create`."""
    operation = machine.operation_set.create(
        machine_owner=owner, operation_user=owner, is_training_operation=True, count_of_lines=1
    )
    assert Operation.objects.get().machine == operation.machine == machine


def test_every_flag_has_a_kind() -> None:
    """There are nine of each."""
    assert list(KIND_OF_FLAG.values()) == [
        "training",
        "solving",
        "solving_with_api",
        "solving_with_api_market",
        "buy_data_source",
        "machine_copy",
        "machine_copy_update",
        "credit_from_user",
        "pay_a_bill",
    ]


@pytest.mark.parametrize(
    "flags", [{}, {"is_training_operation": True, "is_solving_operation": True}], ids=["none", "two"]
)
def test_an_operation_has_exactly_one_type(machine: Machine, owner: User, flags: dict[str, bool]) -> None:
    """Otherwise nothing is recorded."""
    with pytest.raises(ValidationError, match="exactly one type"):
        Operation.objects.create(machine=machine, operation_user=owner, **flags)
    assert not Operation.objects.exists()


def test_an_operation_needs_a_user(machine: Machine) -> None:
    """Otherwise nothing is recorded."""
    with pytest.raises(ValidationError, match="operation_user"):
        Operation.objects.create(machine=machine, is_training_operation=True, count_of_lines=1)
    assert not Operation.objects.exists()


@pytest.mark.parametrize(
    "said",
    [
        {"id": "6f9619ff-8b86-d011-b42d-00cf4fc964ff"},
        {"pk": "6f9619ff-8b86-d011-b42d-00cf4fc964ff"},
        {"position": 7},
        {"kind": "solving"},
        {"recorded_machine_id": 7},
    ],
)
def test_columns_that_the_ledger_sets_cannot_be_given(
    machine: Machine, owner: User, said: dict[str, Any]
) -> None:
    """The error names the column."""
    with pytest.raises(ImmutableRecord, match=next(iter(said)).replace("pk", "id")):
        train(machine, owner, **said)
    assert not Operation.objects.exists()


def test_an_operation_cannot_be_created_with_links(machine: Machine, owner: User) -> None:
    """It is recorded first and linked then, as in the document."""
    credit = Credit.objects.create(user=owner, amount=1)
    with pytest.raises(ImmutableRecord, match="credit"):
        train(machine, owner, credit=credit)
    assert not Operation.objects.filter(kind="training").exists()


def test_a_top_up_takes_an_amount(owner: User) -> None:
    """The amount is not a column of the operation; it is on the entry."""
    operation = top_up(owner, Decimal("12.5"))
    assert operation.amount is None
    assert [entry.money for entry in Credit.objects.get_all_by_user(owner)] == [Money("12.5", "USD")]
    assert operation.entries.count() == 2


@pytest.mark.parametrize("amount", [0.1 + 0.2, 0, -5, Decimal("1e-9"), "much"])
def test_an_amount_that_is_not_exact_posts_nothing(owner: User, amount: Any) -> None:
    """Neither an operation nor an entry."""
    with pytest.raises(AmountRefused):
        top_up(owner, amount)
    with pytest.raises(AmountRefused):
        Credit.objects.create(user=owner, amount=amount)
    assert not Operation.objects.exists()
    assert not Entry.objects.exists()


def test_the_documents_credit_posts_an_entry(owner: User) -> None:
    """A float is accepted if it is exact."""
    credit = Credit.objects.create(user=owner, amount=100.00)
    stored = Entry.objects.get(pk=credit.pk)
    assert (stored.amount, stored.side, stored.currency, stored.user) == (Decimal(100), "C", "USD", owner)
    assert credit.money == Money(100, "USD")
    assert credit.operation.entries.filter(pk=credit.pk).exists()
    assert str(credit) == "Credit 100.00000000 USD"


def test_each_class_posts_and_shows_its_side_and_currency(owner: User) -> None:
    """Two sides and two currencies make four classes; none of them shows the platform's side."""
    posted = {
        Credit: Credit.objects.create(user=owner, amount=5),
        Debit: Debit.objects.create(user=owner, amount=2),
        CreditIXIOO: CreditIXIOO.objects.create(user=owner, amount="7.5"),
        DebitIXIOO: DebitIXIOO.objects.create(user=owner, amount=Decimal("1.25")),
    }
    for class_, entry in posted.items():
        assert [found.pk for found in class_.objects.all()] == [entry.pk]
        assert (entry.side, entry.currency) == class_.posts
    assert Entry.objects.count() == 8
    assert Entry.objects.filter(user=None).count() == 4
    assert {entry.pk for entry in owner.entries.all()} == {entry.pk for entry in posted.values()}


@pytest.mark.parametrize(
    "fields",
    [
        {"side": "D"},
        {"currency": "EAML"},
        {"position": 1},
        {"account_id": 1},
        {"id": 7},
        {"balance_after": Decimal(5)},
    ],
)
def test_an_entry_takes_only_a_user_and_an_amount(owner: User, fields: dict[str, Any]) -> None:
    """The class or the ledger sets the other columns."""
    with pytest.raises(ImmutableRecord):
        Credit.objects.create(user=owner, amount=1, **fields)
    assert not Entry.objects.exists()


def test_an_entry_needs_a_class_and_a_user(owner: User) -> None:
    """Entry itself has no side, and the platform's accounts are not posted to from here."""
    with pytest.raises(ImmutableRecord, match="side and currency"):
        Entry.objects.create(user=owner, amount=1, side="C", currency="USD")
    with pytest.raises(ValidationError, match="user"):
        Credit.objects.create(amount=1)
    assert not Entry.objects.exists()


def test_an_entry_is_linked_as_in_the_document(machine: Machine, owner: User) -> None:
    """It is assigned to an empty link and saved; the entry leads back to the operation."""
    operation = train(machine, owner)
    credit = Credit.objects.create(user=owner, amount=100.00)
    operation.credit = credit
    operation.save()
    stored = Operation.objects.select_related("credit").get(pk=operation.pk)
    assert isinstance(stored.credit, Credit)
    assert stored.credit == credit
    assert Credit.objects.get(pk=credit.pk).operation_as_credit == operation


def test_a_link_is_filled_once(machine: Machine, owner: User) -> None:
    """It can be changed neither to another entry nor to None."""
    operation = train(machine, owner)
    first, second = (Credit.objects.create(user=owner, amount=n) for n in (1, 2))
    operation.credit = first
    operation.save()
    for other in (second, None):
        operation.credit = other
        with pytest.raises(ImmutableRecord, match="credit_id"):
            operation.save()
    assert Operation.objects.get(pk=operation.pk).credit == first


def test_only_an_entry_of_the_links_class_can_be_linked(machine: Machine, owner: User) -> None:
    """A debit is refused as a credit, and so is an id without an entry."""
    operation = train(machine, owner)
    Credit.objects.create(user=owner, amount=5)
    debit = Debit.objects.create(user=owner, amount=1)
    for wrong in (debit.pk, 10**15):
        operation.credit_id = wrong
        with pytest.raises(ImmutableRecord, match="no credit entry"):
            operation.save()
    assert Operation.objects.get(pk=operation.pk).credit is None


def test_linking_works_with_update_fields(machine: Machine, owner: User) -> None:
    """Changes to other fields are ignored."""
    operation = train(machine, owner)
    operation.credit = Credit.objects.create(user=owner, amount=1)
    operation.count_of_lines = 5
    operation.save(update_fields=["credit"])
    stored = Operation.objects.get(pk=operation.pk)
    assert stored.credit is not None
    assert stored.count_of_lines == 1000


def test_a_user_with_a_history_but_no_balance_can_be_deleted(owner: User, buyer: User) -> None:
    """Their entries stay without them; the operations keep their number."""
    credit = Credit.objects.create(user=owner, amount=5)
    Debit.objects.create(user=owner, amount=5)
    number = owner.pk
    stale = Entry.objects.get(pk=credit.pk)
    owner.delete()
    entry = Entry.objects.get(pk=credit.pk)
    assert entry.user is None
    assert entry.operation.operation_user is None
    assert entry.operation.recorded_operation_user_id == number
    stale.save()


def test_a_machine_with_a_history_can_be_deleted(machine: Machine, owner: User) -> None:
    """Its operations stay and keep its number."""
    operation = train(machine, owner)
    number = machine.pk
    machine.delete()
    stored = Operation.objects.get(pk=operation.pk)
    assert (stored.machine, stored.recorded_machine_id) == (None, number)
    operation.save()

"""Every method of the ORM that writes is refused for operations, entries and billing rows."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core import serializers
from django.db import models, transaction

from models import Billing, Credit, Entry, ImmutableRecord, Machine, Operation, User
from models.immutable import ImmutableModel
from tests.models.test_posting import train

pytestmark = pytest.mark.django_db

RECORDS: list[type[ImmutableModel]] = [Operation, Entry, Credit, Billing]


@pytest.fixture
def operation(machine: Machine, owner: User) -> Operation:
    return train(machine, owner)


@pytest.fixture
def credit(owner: User) -> Credit:
    return Credit.objects.create(user=owner, amount=100.00)


def rows_now() -> dict[str, list[Any]]:
    """Return all recorded rows."""
    return {model.__name__: list(model._base_manager.order_by("pk").values()) for model in RECORDS}


def refused(write: Callable[[], Any]) -> ImmutableRecord:
    """Assert that the call is refused and changes nothing, and return the error."""
    before = rows_now()
    with pytest.raises(ImmutableRecord) as refusal, transaction.atomic():
        write()
    assert rows_now() == before
    return refusal.value


QUERYSET_WRITES: dict[str, Callable[[Any, Any], Any]] = {
    "update": lambda rows, row: rows.update(pk=row.pk),
    "update to null": lambda rows, row: rows.update(**{to_null(row): None}),
    "update nothing": lambda rows, _: rows.update(),
    "delete": lambda rows, _: rows.all().delete(),
    "delete none": lambda rows, _: rows.none().delete(),
    "bulk_create": lambda rows, row: rows.bulk_create([row]),
    "bulk_create ignoring": lambda rows, row: rows.bulk_create([row], ignore_conflicts=True),
    "bulk_update": lambda rows, row: rows.bulk_update([row], [to_null(row)]),
    "get_or_create": lambda rows, row: rows.get_or_create(pk=row.pk),
    "update_or_create": lambda rows, row: rows.update_or_create(pk=row.pk),
    "_raw_delete": lambda rows, _: rows.all()._raw_delete("default"),
    "_insert": lambda rows, row: rows._insert([row], fields=[]),
    "_update": lambda rows, _: rows._update([]),
}
ASYNC_WRITES = ["aupdate", "adelete", "abulk_create", "abulk_update", "aget_or_create", "aupdate_or_create"]


def to_null(row: models.Model) -> str:
    return {"Operation": "machine", "Billing": "machine"}.get(type(row).__name__, "user")


@pytest.fixture(params=["Operation", "Entry", "Credit", "related operations", "related entries"])
def rows_and_row(
    request: pytest.FixtureRequest, operation: Operation, credit: Credit, owner: User, machine: Machine
) -> tuple[Any, Any]:
    """A manager and one of its rows."""
    return {
        "Operation": (Operation.objects, operation),
        "Entry": (Entry.objects, Entry.objects.get(pk=credit.pk)),
        "Credit": (Credit.objects, credit),
        "related operations": (machine.operation_set, operation),
        "related entries": (owner.entries, Entry.objects.get(pk=credit.pk)),
    }[request.param]


@pytest.mark.parametrize("name", QUERYSET_WRITES)
def test_a_manager_changes_nothing(rows_and_row: tuple[Any, Any], name: str) -> None:
    """Nor does a related manager; the error says what to do instead."""
    rows, row = rows_and_row
    refusal = refused(lambda: QUERYSET_WRITES[name](rows, row))
    assert "objects.create" in refusal.instead
    assert refusal.instead in str(refusal)


@pytest.mark.parametrize("name", QUERYSET_WRITES)
def test_a_queryset_changes_nothing(operation: Operation, credit: Credit, name: str) -> None:
    """The querysets are filtered and ordered."""
    recorded: list[Any] = [operation, credit]
    for row in recorded:
        rows = type(row)._default_manager.filter(pk=row.pk).order_by("position")
        refused(partial(QUERYSET_WRITES[name], rows, row))


@pytest.mark.parametrize("name", ASYNC_WRITES)
def test_the_asynchronous_methods_are_refused_too(credit: Credit, name: str) -> None:
    """They call the synchronous methods."""
    arguments: dict[str, tuple[Any, ...]] = {
        "abulk_create": ([credit],),
        "abulk_update": ([credit], ["user"]),
    }
    method = getattr(Credit.objects.all(), name)
    refused(lambda: async_to_sync(method)(*arguments.get(name, ())))


def test_an_object_is_not_deleted(operation: Operation, credit: Credit) -> None:
    """Neither with delete() nor with adelete()."""
    rows: list[Operation | Entry] = [operation, credit, Entry.objects.get(pk=credit.pk)]
    for row in rows:
        refused(row.delete)
        refused(async_to_sync(row.adelete))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("count_of_lines", 1),
        ("is_solving_operation", True),
        ("kind", "solving"),
        ("machine", None),
        ("operation_user", None),
        ("position", 10**12),
        ("recorded_at", None),
    ],
)
def test_a_changed_operation_is_not_saved(operation: Operation, field: str, value: Any) -> None:
    """It is refused as a whole, in part, and together with an allowed change."""
    setattr(operation, field, value)
    assert field in refused(operation.save).action
    refused(lambda: operation.save(update_fields=[field]))
    operation.credit = Credit.objects.create(user_id=operation.recorded_operation_user_id, amount=1)
    refused(operation.save)


@pytest.mark.parametrize(("field", "value"), [("amount", 1), ("side", "D"), ("user", None), ("transfer", 5)])
def test_a_changed_entry_is_not_saved(credit: Credit, field: str, value: Any) -> None:
    """It is refused as a Credit and as a plain Entry."""
    for row in (credit, Entry.objects.get(pk=credit.pk)):
        setattr(row, field, value)
        refused(row.save)
        refused(partial(row.save, update_fields=[field]))


def test_saving_an_unchanged_row_does_nothing(operation: Operation, credit: Credit) -> None:
    """It is not an error."""
    before = rows_now()
    operation.save()
    credit.save()
    Operation.objects.only("kind").get(pk=operation.pk).save()
    assert rows_now() == before


def test_an_unsaved_object_cannot_replace_a_recorded_one(operation: Operation, credit: Credit) -> None:
    """It has the key of the recorded one, with and without force_update."""
    writes: list[Callable[[], Any]] = [
        lambda: Operation(pk=operation.pk, operation_user_id=1, is_training_operation=True).save(),
        lambda: Operation(pk=operation.pk).save(force_update=True),
        lambda: Credit(pk=credit.pk, user_id=1, amount=1).save(),
        lambda: Credit(pk=credit.pk).save(force_update=True),
        lambda: Credit(pk=credit.pk).save(update_fields=["amount"]),
    ]
    for write in writes:
        refused(write)


def test_a_fixture_is_not_loaded_over_records(operation: Operation, credit: Credit) -> None:
    """Loading fixtures bypasses save(), and is refused too."""
    for row in (operation, Entry.objects.get(pk=credit.pk)):
        dumped = serializers.serialize("json", [row])
        for loaded in serializers.deserialize("json", dumped):
            refused(loaded.save)
            refused(partial(loaded.object.save_base, raw=True))


@pytest.mark.parametrize("how", ["add", "remove", "clear", "set", "add one by one", "remove one by one"])
def test_related_managers_move_nothing(operation: Operation, credit: Credit, buyer: User, how: str) -> None:
    """Neither an operation to another machine nor an entry to another user."""
    machine = operation.machine
    assert machine is not None
    entry, holder = Entry.objects.get(pk=credit.pk), credit.user
    assert holder is not None
    writes: dict[str, list[Callable[[], Any]]] = {
        "add": [lambda: buyer.entries.add(entry), lambda: buyer.operation_set.add(operation)],
        "remove": [lambda: machine.operation_set.remove(operation), lambda: holder.entries.remove(entry)],
        "clear": [machine.operation_set.clear, holder.entries.clear],
        "set": [lambda: machine.operation_set.set([]), lambda: buyer.entries.set([entry])],
        "add one by one": [lambda: buyer.entries.add(entry, bulk=False)],
        "remove one by one": [lambda: machine.operation_set.remove(operation, bulk=False)],
    }
    for write in writes[how]:
        refused(write)


def test_entries_cannot_be_added_to_an_operation(operation: Operation, owner: User) -> None:
    """They are recorded together with it."""
    refused(lambda: operation.entries.create(user=owner, amount=1))


@pytest.mark.parametrize("manager", ["_base_manager", "cascades"])
@pytest.mark.parametrize("record", [Operation, Entry, Credit])
def test_the_manager_for_deletion_changes_nothing_else(
    operation: Operation, credit: Credit, record: type[ImmutableModel], manager: str
) -> None:
    """It can only set a reference to null."""
    rows = getattr(record, manager)
    row = rows.filter(pk__in=[operation.pk] if record is Operation else [credit.pk]).get()
    for name, write in QUERYSET_WRITES.items():
        if name != "update to null":
            refused(partial(write, rows, row))
    refused(lambda: rows.update(**{to_null(row): None, "position": 1}))
    refused(lambda: rows.update(position=None))
    refused(lambda: rows.update(**{"credit" if record is Operation else "balance_after": None}))


def test_billing_rows_are_read_only(owner: User) -> None:
    """Only the projection writes them."""
    writes: list[Callable[[], Any]] = [
        lambda: Billing.objects.create(Operation_User=owner),
        lambda: Billing(Operation_User=owner).save(),
        lambda: Billing(pk=1).delete(),
        lambda: Billing.objects.update(CreditFromUser=1),
        lambda: Billing.objects.all().delete(),
        lambda: Billing.objects.bulk_create([Billing()]),
        lambda: Billing.objects.get_or_create(Operation_User=owner),
        owner.billing_set.create,
    ]
    for write in writes:
        assert "import_legacy_billing" in refused(write).instead


def test_every_writing_method_of_django_is_covered() -> None:
    """A new method in a later version of Django must be added to these tests."""
    known = {"create", "acreate"} | {name for name in QUERYSET_WRITES if " " not in name} | {*ASYNC_WRITES}
    writing = {
        name
        for name in dir(models.QuerySet)
        if getattr(getattr(models.QuerySet, name), "alters_data", False)
        or name in {"_insert", "_raw_delete", "_batched_insert"}
    }
    # `_batched_insert` only calls `_insert`.
    assert writing - known == {"_batched_insert"}

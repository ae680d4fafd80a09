"""An empty link can only be filled in the transaction that appends its event."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from events import store
from events.identifiers import uuid7
from events.message import StoredEvent
from events.models import Event
from ledger.orm import link_entries, post_entry
from models import Machine, Operation, User
from models.errors import ImmutableRecord
from tests import builders as make
from tests.builders import recorded
from tests.connections import another

pytestmark = pytest.mark.django_db


@pytest.fixture
def operation(user: User, machine: Machine) -> Operation:
    """A solving whose USD links are empty."""
    return Operation.objects.get(pk=recorded(make.solving(machine, user=user)).id)


@pytest.fixture
def entry(user: User) -> int:
    """A credit in USD that no operation links."""
    return post_entry(user_id=user.pk, side="C", currency="USD", amount=Decimal(1))


def fill(operation: Operation, entry: int, column: str = "credit_id") -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"update models_operation set {column} = %s where id = %s", [entry, operation.pk])


def append_link_event(operation: Operation, entry: int, **changes: Any) -> int:
    """Append a link event as `link_entries` does, without filling the link; return its position."""
    with connection.cursor() as cursor:
        (position,) = store.allocate_positions(cursor, 1)
        event = {
            "position": position,
            "id": uuid7(),
            "stream": f"operation:{operation.pk}",
            "type": "operation.linked",
            "schema_version": 1,
            "data": {"operation": str(operation.pk), "links": {"credit": entry}},
            "metadata": {},
            "occurred_at": operation.occurred_at,
            "recorded_at": operation.recorded_at,
        }
        store.append(cursor, [StoredEvent(**{**event, **changes})])
        cursor.execute("select set_config('ledger.link_position', %s, true)", [str(position)])
    return position


def test_link_is_filled_within_another_transaction(operation: Operation, entry: int) -> None:
    """A savepoint inside the caller's transaction is enough; the administration works in one."""
    with transaction.atomic(), transaction.atomic():
        link_entries(operation_id=operation.pk, links={"credit": entry})
    operation.refresh_from_db()
    assert operation.credit_id == entry
    event = Event.objects.get(type="operation.linked")
    assert event.stream == f"operation:{operation.pk}"
    assert event.data["links"] == {"credit": entry}


@pytest.mark.django_db(transaction=True)
def test_link_is_filled_while_others_append(operation: Operation, entry: int) -> None:
    """A later event that another transaction commits in between changes nothing."""
    with another() as other, other.cursor() as cursor:

        def append(execute: Any, sql: str, *arguments: Any) -> Any:
            if sql.startswith("update models_operation"):
                cursor.execute(
                    """insert into events_event
                           (id, stream, type, schema_version, data, metadata, occurred_at, recorded_at)
                       values (gen_random_uuid(), 'x', 'x', 1, '{}', '{}', now(), now())"""
                )
            return execute(sql, *arguments)

        with connection.execute_wrapper(append):
            link_entries(operation_id=operation.pk, links={"credit": entry})
    operation.refresh_from_db()
    assert operation.credit_id == entry


def test_link_without_its_event_is_refused(operation: Operation, entry: int) -> None:
    """A plain UPDATE cannot fill a link."""
    with pytest.raises(DatabaseError, match="link event only"):
        fill(operation, entry)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "operation.recorded"},
        {"stream": "operation:another"},
        {"data": {"links": {"credit": 1}}},
        {"data": {"links": {"debit": 1}}},
        {"data": {}},
    ],
)
def test_link_that_its_event_does_not_name_is_refused(
    operation: Operation, entry: int, changes: dict[str, Any]
) -> None:
    """The event has to name the same operation, link and entry."""
    append_link_event(operation, entry, **changes)
    with pytest.raises(DatabaseError, match="link event only"):
        fill(operation, entry)


@pytest.mark.django_db(transaction=True)
def test_event_of_another_transaction_fills_no_link(operation: Operation, entry: int) -> None:
    """An event that was committed before counts only in its own transaction."""
    with transaction.atomic():
        position = append_link_event(operation, entry)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select set_config('ledger.link_position', %s, true)", [str(position)])
        with pytest.raises(DatabaseError, match="link event only"):
            fill(operation, entry)
    # Nor where this transaction has written first, so that its number is the lower one.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_current_xact_id()")
        with another() as other, other.cursor() as elsewhere:
            elsewhere.execute(
                """insert into events_event
                       (id, stream, type, schema_version, data, metadata, occurred_at, recorded_at)
                   select gen_random_uuid(), stream, type, 1, data, '{}', now(), now()
                   from events_event where position = %s returning position""",
                [position],
            )
            later = elsewhere.fetchone()[0]
        cursor.execute("select set_config('ledger.link_position', %s, true)", [str(later)])
        with pytest.raises(DatabaseError, match="link event only"):
            fill(operation, entry)


def test_filled_link_stays(operation: Operation, entry: int, user: User) -> None:
    """A filled link never changes, not even with an event."""
    link_entries(operation_id=operation.pk, links={"credit": entry})
    other = recorded(make.top_up(user, "1"))
    with pytest.raises(DatabaseError, match="link event only"):
        link_entries(operation_id=operation.pk, links={"credit": other.position * 1000 + 1})
    operation.refresh_from_db()
    operation.credit = None
    with pytest.raises(ImmutableRecord):
        operation.save()


def test_entry_is_linked_by_one_operation(operation: Operation, entry: int, machine: Machine) -> None:
    """A second operation cannot link the same entry."""
    link_entries(operation_id=operation.pk, links={"credit": entry})
    assert operation.operation_user is not None
    other = recorded(make.solving(machine, user=operation.operation_user))
    with pytest.raises(DatabaseError) as caught:
        link_entries(operation_id=Operation.objects.get(pk=other.id).pk, links={"credit": entry})
    cause = caught.value.__cause__
    assert cause.diag.constraint_name == "operation_credit_linked_once"  # type: ignore[union-attr]

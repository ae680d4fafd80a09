"""The ledger's triggers refuse in SQL what the ORM refuses."""

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from models import Credit, Entry, Machine, Operation, User
from models.user import BALANCES
from tests.models.test_posting import train

pytestmark = pytest.mark.django_db


@pytest.fixture
def recorded(machine: Machine, owner: User) -> dict[str, Any]:
    """The keys of a row in each of the two tables."""
    return {"operation": train(machine, owner).pk, "entry": Credit.objects.create(user=owner, amount=100).pk}


def refused(statement: str, *arguments: Any) -> None:
    """Assert that the statement fails and changes nothing."""
    before = [list(table.cascades.order_by("pk").values()) for table in (Operation, Entry)]
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, arguments)
    assert [list(table.cascades.order_by("pk").values()) for table in (Operation, Entry)] == before


@pytest.mark.parametrize(
    "change",
    [
        "kind = 'solving'",
        "is_training_operation = false",
        "count_of_lines = 1",
        "position = position + 1000000",
        "recorded_operation_user_id = null",
        "operation_user_id = operation_user_id + 1",
        "debit_id = 1",
    ],
)
def test_an_operation_is_not_changed(recorded: dict[str, Any], change: str) -> None:
    """Each column is protected."""
    refused(f"update models_operation set {change} where id = %s", recorded["operation"])


@pytest.mark.parametrize(
    "change",
    [
        "amount = amount + 1",
        "side = 'D'",
        "currency = 'EAML'",
        "user_id = user_id + 1",
        "balance_after = 0",
        "recorded_at = now()",
    ],
)
def test_an_entry_is_not_changed(recorded: dict[str, Any], change: str) -> None:
    """Each column is protected."""
    refused(f"update models_entry set {change} where id = %s", recorded["entry"])


@pytest.mark.parametrize("table", ["operation", "entry"])
def test_no_row_is_removed(recorded: dict[str, Any], table: str) -> None:
    """Neither one row nor all of them."""
    refused(f"delete from models_{table} where id = %s", recorded[table])
    refused(f"delete from models_{table}")
    refused(f"truncate models_{table} cascade")


def test_a_single_entry_is_refused(recorded: dict[str, Any]) -> None:
    """A transfer has two sides."""
    refused(
        "insert into models_entry (id, operation_id, transfer, side, account_id, user_id, currency, amount,"
        " account_version, position, occurred_at, recorded_at, effective_at)"
        " select id + 1000000, operation_id, 9, side, account_id, user_id, currency, amount,"
        " 1000000, position, occurred_at, recorded_at, effective_at from models_entry where id = %s",
        recorded["entry"],
    )


@pytest.mark.parametrize("balance", BALANCES)
def test_a_balance_is_not_changed(owner: User, balance: str) -> None:
    """Nor can a new user be inserted with one."""
    columns = [str(field.column) for field in User._meta.concrete_fields[1:] if field.column not in BALANCES]
    others = ", ".join("null" if column == "email" else column for column in columns)
    for statement in (
        f"update models_user set {balance} = 999 where id = {owner.pk}",
        f"insert into models_user ({', '.join(columns)}, {balance}) select {others}, 999 from models_user",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert list(User.objects.values_list(balance, flat=True)) == [0]


def test_a_user_with_money_is_not_deleted(recorded: dict[str, Any], owner: User, machine: Machine) -> None:
    machine.delete()
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("delete from models_user where id = %s; set constraints all immediate", [owner.pk])
    assert User.objects.filter(pk=owner.pk).exists()

"""`verify` reports every change of operations and entries with its row and column."""

import pytest
from django.db import connection

from ledger.engine.rows import ENTRY_COLUMNS, OPERATION_COLUMNS
from projections.verification.rows import last_entry_id
from tests.projections import world as worlds
from tests.projections.world import World

# Another value of the same type, by the type's name in PostgreSQL.
_OTHER = {
    "boolean": "not {0}",
    "smallint": "coalesce({0}, 0) + 7",
    "integer": "coalesce({0}, 0) + 1",
    "bigint": "coalesce({0}, 0) + 100001",
    "numeric": "coalesce({0}, 0) + 0.00000001",
    "character varying": "left({0}, 3)",
    "timestamp with time zone": "{0} + interval '1 microsecond'",
    "uuid": "gen_random_uuid()",
}


def _other(table: str, column: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "select data_type from information_schema.columns where table_name = %s and column_name = %s",
            [table, column],
        )
        return _OTHER[cursor.fetchone()[0]].format(column)


@pytest.mark.parametrize("column", [name for name in OPERATION_COLUMNS if name not in {"id", "position"}])
def test_a_changed_column_of_an_operation_is_reported(world: World, column: str) -> None:
    """There is no other mismatch."""
    value = _other("models_operation", column)
    worlds.corrupt(f"update models_operation set {column} = {value} where id = %s", world.training.id)
    (found,) = worlds.mismatches()
    where = (
        f"operation {world.training.id} (event {world.training.position})",
        f"operation {world.training.id}",
    )
    assert found.startswith(tuple(f"{each}: models_operation.{column}: expected " for each in where)) or (
        column == "credit_id" and "(linked by event" in found
    )


@pytest.mark.parametrize("column", ["machine_id", "machine_owner_id", "operation_user_id"])
def test_an_emptied_reference_is_reported_unless_its_row_is_gone(world: World, column: str) -> None:
    """Only the deletion of the user or machine may empty it."""
    worlds.corrupt(f"update models_operation set {column} = null where id = %s", world.sale.id)
    (found,) = worlds.mismatches()
    assert f"models_operation.{column}: expected " in found
    assert found.endswith(", found NULL")


def test_a_reference_to_a_deleted_user_is_reported(world: World) -> None:
    """It must be empty."""
    worlds.corrupt("update models_operation set operation_user_id = recorded_operation_user_id")
    assert any(
        found.endswith(f"models_operation.operation_user_id: expected NULL, found {world.gone}")
        for found in worlds.mismatches()
    )


def test_a_link_without_an_event_is_reported(world: World) -> None:
    """Only an event fills an empty link."""
    worlds.corrupt(
        """update models_operation set debit_id = 5
           where position = (select min(position) from models_operation where kind = 'credit_from_user')""",
    )
    (found,) = worlds.mismatches()
    assert found.endswith(": models_operation.debit_id: expected NULL, found 5")


def test_a_removed_link_is_reported_with_its_event(world: World) -> None:
    """The event has the link."""
    worlds.corrupt("update models_operation set credit_id = null where id = %s", world.training.id)
    (found,) = worlds.mismatches()
    assert found.startswith(f"operation {world.training.id} (linked by event ")
    assert found.endswith(", found NULL")


@pytest.mark.parametrize("column", [name for name in ENTRY_COLUMNS if name not in {"id", "side", "currency"}])
def test_a_changed_column_of_an_entry_is_reported(world: World, column: str) -> None:
    """If debits and credits differ, the difference is reported too."""
    entry = world.sale.position * 1000
    worlds.corrupt(
        f"update models_entry set {column} = {_other('models_entry', column)} where id = %s", entry
    )
    found = worlds.mismatches()
    assert (
        f"entry {entry} (event {world.sale.position}), operation {world.sale.id}: models_entry.{column}: "
        in (found[0])
    )
    if column == "amount":
        assert found[1:] == [
            "trial balance: debits - credits in USD: expected 0.00000000, found 0.00000001",
        ]
    else:
        assert found[1:] == []


def test_a_changed_side_is_reported(world: World) -> None:
    """A pair has one debit and one credit."""
    entry = world.sale.position * 1000
    worlds.corrupt("update models_entry set side = 'C', transfer = 9 where id = %s", entry)
    found = worlds.mismatches()
    assert any("models_entry.side: expected D, found C" in line for line in found)
    assert any(line.startswith("trial balance: debits - credits in USD") for line in found)


def test_a_changed_currency_is_reported(world: World) -> None:
    """The trial balances of both currencies differ by the amount."""
    worlds.corrupt("update models_entry set currency = 'EAML' where id = %s", world.sale.position * 1000)
    found = worlds.mismatches()
    assert "models_entry.currency: expected USD, found EAML" in found[0]
    assert found[1:] == [
        "trial balance: debits - credits in EAML: expected 0.00000000, found 4.00000000",
        "trial balance: debits - credits in USD: expected 0.00000000, found -4.00000000",
    ]


@pytest.mark.parametrize("table", ["models_operation", "models_entry"])
def test_every_deleted_row_is_reported(world: World, table: str) -> None:
    """The mismatch has the event that the row belongs to, or says that the frozen balance is missing."""
    with worlds.without_triggers() as cursor:
        cursor.execute(f"delete from {table}")
        lost = cursor.rowcount
    found = worlds.mismatches()
    links = [line for line in found if "linked by event" in line]
    frozen = [line for line in found if line.startswith("period ")]
    lines = [line for line in found if line not in links + frozen]
    assert (len(lines), len(links), len(frozen)) == (
        (lost, 1, 0) if table == "models_operation" else (lost, 0, 2)
    )
    assert all(line.endswith(f": {table}: expected a row, found no row") for line in lines)


def test_an_operation_without_an_event_is_reported_at_any_position(world: World) -> None:
    """It may be before the first event, in a gap, or after the last one."""
    for position in (-5, 10**6):
        worlds.corrupt(
            """insert into models_operation
               select (jsonb_populate_record(o, jsonb_build_object(
                   'id', gen_random_uuid(), 'position', %s::bigint, 'credit_id', null, 'debit_id', null))).*
               from models_operation o where id = %s""",
            position,
            world.sale.id,
        )
    found = worlds.mismatches()
    assert len(found) == 2
    assert "(event -5): models_operation: expected no row, found a row" in found[0]
    assert "(event 1000000): models_operation: expected no row, found a row" in found[1]


def test_an_entry_without_an_event_is_reported_with_any_id(world: World) -> None:
    """It may belong to an event with fewer entries, or be after the last event."""
    strays = (world.sale.position * 1000 + 999, last_entry_id(10**6))
    for transfer, entry in enumerate(strays, start=50):
        worlds.corrupt(
            """insert into models_entry
               select (jsonb_populate_record(e, jsonb_build_object(
                   'id', %s::bigint, 'transfer', %s::bigint, 'account_version', null))).*
               from models_entry e where id = %s""",
            entry,
            transfer,
            world.sale.position * 1000,
        )
    found = worlds.mismatches()
    assert [line.partition(" (")[0] for line in found[:2]] == [
        f"entry {world.sale.position * 1000 + 999}",
        "entry 1000000999",
    ]
    assert found[2:] == ["trial balance: debits - credits in USD: expected 0.00000000, found 8.00000000"]

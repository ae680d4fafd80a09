"""Migrations are complete and reversible on PostgreSQL; `test_standalone.py` checks SQLite."""

import re
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection

from models import Entry, Operation
from tests.models.children import empty_database, finish, start

pytestmark = pytest.mark.django_db

MIGRATE = """
from django.apps import apps
from django.core.management import call_command
from django.db import connection

def schema():
    with connection.cursor() as cursor:
        cursor.execute(
            "select table_name, column_name, data_type, is_nullable, column_default"
            " from information_schema.columns where table_schema = 'public'"
            " and table_name <> 'django_migrations' order by table_name, ordinal_position"
        )
        columns = cursor.fetchall()
        cursor.execute("select indexdef from pg_indexes where schemaname = 'public' order by 1")
        indexes = cursor.fetchall()
        cursor.execute(
            "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint"
            " where connamespace = 'public'::regnamespace order by 1, 2"
        )
        constraints = cursor.fetchall()
        cursor.execute(
            "select tgrelid::regclass::text, pg_get_triggerdef(oid) from pg_trigger"
            " where not tgisinternal order by 1, 2"
        )
        return columns, indexes, constraints, cursor.fetchall()

call_command("migrate", verbosity=0)
before = schema()
call_command("migrate", "models", "zero", verbosity=0)
tables = {column[0] for column in schema()[0]}
call_command("migrate", verbosity=0)
print(sorted(table for table in tables if table.startswith("models_")), schema() == before)
"""


def test_no_migration_is_missing() -> None:
    """All apps are checked."""
    said = StringIO()
    call_command("makemigrations", check=True, dry_run=True, stdout=said)
    assert said.getvalue() == "No changes detected\n"


def test_migrating_forwards_backwards_and_forwards_again_gives_the_same_schema() -> None:
    """It compares tables, indexes, constraints and triggers, and finds no tables of the app in between."""
    with empty_database("from_nothing_and_back") as name:
        said, _ = finish(start(MIGRATE, database=name), seconds=120)
    assert said == "[] True"


OPERATION_COLUMNS = """
    id machine_id machine_owner_id operation_user_id is_training_operation is_solving_operation
    is_solving_with_api_operation is_solving_with_api_market_operation is_buy_data_source_operation
    is_machine_copy_operation is_machine_copy_update_operation is_credit_from_user_operation
    is_pay_a_bill_operation count_of_lines count_of_training_epoch credit_id debit_id credit_ixioo_id
    debit_ixioo_id kind position recorded_machine_id recorded_machine_owner_id
    recorded_operation_user_id occurred_at recorded_at effective_at
"""
ENTRY_COLUMNS = """
    id operation_id transfer side account_id user_id currency amount balance_after account_version
    position occurred_at recorded_at effective_at
"""


@pytest.mark.parametrize(("table", "columns"), [(Operation, OPERATION_COLUMNS), (Entry, ENTRY_COLUMNS)])
def test_columns_of_the_hot_tables_are_in_the_order_of_the_models(
    table: type[Operation | Entry], columns: str
) -> None:
    """Code that copies rows into them relies on it."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_table_description(cursor, table._meta.db_table)
    assert [column.name for column in found] == columns.split()
    assert [field.column for field in table._meta.concrete_fields] == columns.split()


def test_an_empty_link_is_in_no_index() -> None:
    """Each filled link is unique by a partial index, and there is no other index on it."""
    with connection.cursor() as cursor:
        cursor.execute("select indexdef from pg_indexes where tablename = 'models_operation'")
        indexes = [definition for (definition,) in cursor.fetchall()]
    for link in ("credit_id", "debit_id", "credit_ixioo_id", "debit_ixioo_id"):
        (index,) = (definition for definition in indexes if f"({link})" in definition)
        assert index.startswith("CREATE UNIQUE INDEX")
        assert index.endswith(f"WHERE ({link} IS NOT NULL)")


def test_every_reference_has_an_index() -> None:
    """So do the columns that the document's queries filter by."""
    wanted = {
        (table._meta.db_table, field.column)
        for table in apps.get_app_config("models").get_models(include_auto_created=True)
        for field in table._meta.local_concrete_fields
        if field.is_relation and not table._meta.proxy
    }
    wanted |= {("models_server", "server_info_ready"), ("models_datalinesoperation", "machine_id")}
    with connection.cursor() as cursor:
        cursor.execute("select tablename, indexdef from pg_indexes where schemaname = 'public'")
        led = {
            (table, found[1])
            for table, definition in cursor.fetchall()
            if (found := re.search(r'USING btree \("?(\w+)"?', definition))
        }
        cursor.execute("select indexdef from pg_indexes where indexname = 'work_waiting'")
        (waiting,) = cursor.fetchone()
    assert wanted - led == set()
    assert waiting.endswith("WHERE is_work_status_wait_for_server_start")

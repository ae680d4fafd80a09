"""Log and journal refuse every UPDATE, DELETE and TRUNCATE, by any role and by any way."""

import os
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from django.db import DatabaseError, connection, transaction

from events.append_only import APPEND_ONLY
from events.models import Event, Key, Note
from ledger.install import grant
from ledger.models import MachineTermsHistory, PublishedTariff
from models import Machine, Operation, User
from models.billing import Entry
from models.errors import ImmutableRecord
from tests import builders as make
from tests.builders import counts, recorded
from tests.connections import another

TABLES = {
    "events_event": "type = 'x'",
    "events_key": "fingerprint = ''",
    "models_operation": "kind = 'x'",
    "models_entry": "amount = amount + 1",
    "ledger_tariff": "version = 99",
    "ledger_machine_terms": "owner_id = 99",
    "events_note": "text = 'x'",
}


@pytest.fixture
def posted(user: User, machine: Machine) -> None:
    """Post enough for a row in every table."""
    recorded(make.machine_copy(machine, user=user))
    recorded(make.top_up(user, "1"))


def refused(statement: str) -> Any:
    """Run a statement that must fail; return the database's own error."""
    with (
        pytest.raises(DatabaseError) as caught,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    return caught.value.__cause__


@pytest.mark.django_db
@pytest.mark.parametrize("table", TABLES)
def test_raw_sql_changes_no_record(posted: None, table: str) -> None:
    """Even the owner of the tables, who is connected here, cannot change them."""
    before = counts()
    for statement in (
        f"update {table} set {TABLES[table]}",
        f"delete from {table}",
        f"truncate {table} cascade",
    ):
        assert refused(statement).pgcode == APPEND_ONLY, statement
    assert counts() == before


@pytest.mark.django_db
def test_upsert_and_merge_change_no_record(posted: None) -> None:
    """INSERT … ON CONFLICT and MERGE end in the same trigger as UPDATE."""
    upsert = (
        "insert into events_key select * from events_key on conflict (source, request_id) "
        "do update set fingerprint = ''"
    )
    merge = (
        "merge into models_entry e using models_entry o on o.id = e.id "
        "when matched then update set amount = e.amount + 1"
    )
    assert refused(upsert).pgcode == APPEND_ONLY
    assert refused(merge).pgcode == APPEND_ONLY


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Event, Key, Note, PublishedTariff, MachineTermsHistory])
def test_orm_changes_no_row_of_the_log(posted: None, model: Any) -> None:
    """These models have no guard in Python; the database's guard is enough."""
    name = {"Event": "type", "Key": "event_id", "Note": "name", "PublishedTariff": "terms"}.get(
        model.__name__, "columns"
    )
    row = model.objects.first()
    value = getattr(row, name)
    for change in (
        lambda: model.objects.update(**{name: value}),
        lambda: model.objects.all()._raw_delete("default"),
        row.delete,
        lambda: row.save(force_update=True),
    ):
        with pytest.raises(DatabaseError) as caught, transaction.atomic():
            change()
        assert getattr(caught.value.__cause__, "pgcode", None) == APPEND_ONLY


@pytest.mark.django_db
def test_orm_changes_no_operation_and_no_entry(posted: None) -> None:
    """The models refuse the change before the database is asked, and say what to do instead."""
    before = counts()
    operation, entry = Operation.objects.first(), Entry.objects.first()
    assert operation is not None
    assert entry is not None
    operation.kind = "other"
    entry.amount += 1
    for change in (
        operation.save,
        operation.delete,
        entry.save,
        entry.delete,
        lambda: Operation.objects.update(kind="other"),
        lambda: Entry.objects.all().delete(),
        lambda: Entry.objects.bulk_update([entry], ["amount"]),
        lambda: Entry.objects.bulk_create([entry]),
    ):
        with pytest.raises(ImmutableRecord):
            change()
    assert counts() == before


@pytest.mark.django_db
def test_references_are_emptied_only_when_their_row_is_deleted(posted: None, user: User) -> None:
    """A statement that only empties a reference is refused like any other change."""
    for statement in (
        "update models_operation set operation_user_id = null",
        "update models_operation set machine_id = null",
        "update models_operation set machine_owner_id = null",
        "update models_entry set user_id = null",
    ):
        # The commit asks, so the constraints are asked here.
        assert refused(f"{statement}; set constraints all immediate").pgcode == APPEND_ONLY, statement


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes",
    [
        "recorded_machine_id = null",
        "recorded_operation_user_id = null",
        "machine_id = 1",
        "operation_user_id = null, kind = 'x'",
        "credit_id = 1",
        "position = position + 1000",
        "recorded_at = now()",
    ],
)
def test_operation_changes_in_nothing_else(posted: None, changes: str) -> None:
    """Only references to deleted rows, and links with their event, may change."""
    assert refused(f"update models_operation set {changes}").pgcode == APPEND_ONLY


@pytest.mark.django_db
def test_note_is_erased_and_never_edited(posted: None) -> None:
    """Salt and text can only be set to null, and only together."""
    for changes in ("text = 'x'", "salt = null", "text = null", "salt = null, text = null, name = 'x'"):
        assert refused(f"update events_note set {changes}").pgcode == APPEND_ONLY
    with connection.cursor() as cursor:
        cursor.execute("update events_note set salt = null, text = null")
        assert cursor.rowcount == 1


@pytest.fixture
def service(transactional_db: None) -> Iterator[Any]:
    """Connect as the service's own role, with the grants of an installation."""
    url = os.environ.get("DATABASE_SERVICE_URL")
    if url is None:
        pytest.skip("the tests run on a given server, whose roles are not ours")
    parts = psycopg2.extensions.parse_dsn(url)
    with transaction.atomic(), connection.cursor() as cursor:
        grant(cursor, parts["user"])
    with another(user=parts["user"], password=parts["password"]) as other:
        yield other


@pytest.mark.parametrize("table", TABLES)
def test_service_may_add_to_the_log_and_nothing_else(service: Any, posted: None, table: str) -> None:
    """The role lacks the privileges, so the statement fails before any trigger runs."""
    with service.cursor() as cursor:
        for statement in (
            f"update {table} set {TABLES[table]}"
            if table != "events_note"
            else "update events_note set name = 'x'",
            f"delete from {table}",
            f"truncate {table} cascade",
            f"alter table {table} disable trigger all",
            f"drop table {table} cascade",
        ):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(statement)


def test_service_cannot_switch_triggers_off(service: Any, posted: None) -> None:
    """Nor can it become a role that could."""
    with service.cursor() as cursor:
        for statement in (
            "set session_replication_role = replica",
            "set role postgres",
            "alter function events_refuse_change() rename to refuse_nothing",
            "insert into ledger_allowed_pair values ('training', 'user:usd', 'platform:revenue')",
            "update ledger_allowed_pair set debit_kind = 'user:usd'",
            "update ledger_account set code = 'x'",
            "delete from ledger_account",
        ):
            with pytest.raises(psycopg2.Error) as caught:
                cursor.execute(statement)
            assert caught.value.pgcode in {"42501", "22023"}, (statement, caught.value)


def test_service_can_do_its_work(service: Any, user: User, machine: Machine) -> None:
    """The grants are enough to post, by the engine and by the ORM."""
    parameters = service.info.dsn_parameters
    settings = connection.settings_dict
    before = settings["USER"], settings["PASSWORD"]
    connection.close()
    settings["USER"], settings["PASSWORD"] = (
        parameters["user"],
        psycopg2.extensions.parse_dsn(os.environ["DATABASE_SERVICE_URL"])["password"],
    )
    try:
        recorded(make.machine_copy(machine, user=user))
        recorded(make.top_up(user, "1"))
        operation = Operation.objects.create(
            operation_user=user, machine=machine, is_solving_operation=True, count_of_lines=1
        )
        with connection.cursor() as cursor:
            cursor.execute("select current_user")
            assert cursor.fetchone() == (parameters["user"],)
    finally:
        connection.close()
        settings["USER"], settings["PASSWORD"] = before
    assert Operation.objects.filter(pk=operation.pk).exists()

"""The database itself refuses rows in a closed period, by any writer."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg2
import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from events.message import StoredEvent
from ledger.engine.posting import post
from models import Operation, User
from projections.rebuild_rows import rebuild_records
from tests import builders as make
from tests import commands as do
from tests.builders import code_of, counts, recorded
from tests.connections import Held, Worker, until, waits_for_a_lock
from tests.months import BEFORE, LAST, close, in_month
from tests.months import change as change_of
from tests.projections.world import corrupt, mismatches

pytestmark = pytest.mark.django_db(transaction=True)

_LATE = """
    insert into models_operation (id, kind, position, occurred_at, recorded_at, effective_at, {flags})
    select gen_random_uuid(), kind, position + 1000, occurred_at, recorded_at, %s, {flags}
    from models_operation where id = %s"""

_ENTRIES = """
    insert into models_entry (id, operation_id, transfer, side, account_id, currency, amount,
                              position, occurred_at, recorded_at, effective_at)
    select id + 500, operation_id, transfer + %s, side, account_id, currency, amount + %s,
           position, occurred_at, recorded_at, effective_at"""


def _write_late(cursor: Any, event: StoredEvent, at: datetime) -> None:
    columns = [field.column or "" for field in Operation._meta.fields]
    flags = ", ".join(column for column in columns if column.startswith("is_"))
    cursor.execute(_LATE.format(flags=flags), [at, event.id])


def test_row_in_a_closed_month_is_refused(user: User) -> None:
    """So is one in a month before the first closed one. The next month is open."""
    event = recorded(make.top_up(user, 70, at=in_month(LAST)))
    close(LAST)
    for at in (in_month(LAST), in_month(BEFORE), LAST.ends_at - timedelta(microseconds=1)):
        with _refused("ledger_period_closed"), connection.cursor() as cursor:
            _write_late(cursor, event, at)
    with transaction.atomic(), connection.cursor() as cursor:
        _write_late(cursor, event, LAST.ends_at)
        transaction.set_rollback(True)


def test_entry_that_the_log_does_not_have_is_refused_in_a_closed_month(user: User) -> None:
    """One more transfer, or a lost entry with another amount, is refused even for a recorded operation."""
    event = recorded(make.top_up(user, 70, at=in_month(LAST)))
    close(LAST)
    with _refused("ledger_period_closed"), connection.cursor() as cursor:
        cursor.execute(f"{_ENTRIES} from models_entry where operation_id = %s", [1, 0, event.id])
    with connection.cursor() as cursor:
        cursor.execute("create temporary table lost as select * from models_entry")
    corrupt("delete from models_entry where operation_id = %s", event.id)
    with _refused("ledger_period_closed"), connection.cursor() as cursor:
        cursor.execute(f"{_ENTRIES} from lost where operation_id = %s", [0, 1, event.id])
    with connection.cursor() as cursor:
        cursor.execute(f"{_ENTRIES} from lost where operation_id = %s", [0, 0, event.id])
        cursor.execute("drop table lost")


def test_row_of_an_event_from_after_the_closing_is_refused(user: User) -> None:
    """The event itself says that it counts in the open month."""
    close(LAST)
    event = recorded(make.top_up(user, 70, at=in_month(LAST)))
    corrupt("delete from models_operation where id = %s", event.id)
    with _refused("ledger_period_closed"), connection.cursor() as cursor:
        cursor.execute(
            """insert into models_operation (id, kind, position, occurred_at, recorded_at, effective_at,
                   is_training_operation, is_solving_operation, is_solving_with_api_operation,
                   is_solving_with_api_market_operation, is_buy_data_source_operation,
                   is_machine_copy_operation, is_machine_copy_update_operation,
                   is_credit_from_user_operation, is_pay_a_bill_operation)
               select e.id, 'credit_from_user', e.position, e.occurred_at, e.recorded_at, e.occurred_at,
                      false, false, false, false, false, false, false, true, false
               from events_event e where e.id = %s""",
            [event.id],
        )
    assert rebuild_records() == (1, 0)
    assert mismatches() == []


def test_lost_rows_of_a_closed_month_are_restored(user: User) -> None:
    """A rebuild writes them as their event says."""
    event = recorded(make.top_up(user, 70, at=in_month(LAST)))
    close(LAST)
    for table, column in (("models_entry", "operation_id"), ("models_operation", "id")):
        corrupt(f"delete from {table} where {column} = %s", event.id)
    assert mismatches() != []
    assert rebuild_records() == (1, 2)
    assert mismatches() == []


def test_writer_of_rows_waits_for_a_closing_and_is_refused(user: User, held: Held) -> None:
    """The writer is refused although the month was open when its transaction began."""
    event = recorded(make.top_up(user, 70, at=in_month(LAST)))
    made = recorded(do.change_period("close", LAST))
    closing = Worker(lambda: post([do.approve(made.id, subject="period")], hook=held))
    assert held.reached.wait(10)

    def write() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("select 1")
            _write_late(cursor, event, in_month(LAST))

    writer = Worker(write)
    until(waits_for_a_lock)
    held.let_go.set()
    assert code_of(closing.answer()[0]) == "recorded"
    with pytest.raises(DatabaseError, match="in a closed period"):
        writer.answer()


def test_rows_are_written_in_read_committed_only(user: User) -> None:
    """The snapshot of any other isolation level could be older than a closing."""
    event = recorded(make.top_up(user, 70, at=in_month(LAST)))
    for isolation in ("repeatable read", "serializable"):
        with _refused("ledger_period_isolation"), connection.cursor() as cursor:
            cursor.execute(f"set transaction isolation level {isolation}")
            _write_late(cursor, event, timezone.now())


@pytest.mark.parametrize(
    "change",
    [
        "update ledger_period set state = 'open'",
        "update ledger_period set ends_at = ends_at - interval '1 month'",
        "update ledger_period set resolver = 'carl'",
        "update ledger_period set kept = kept || '{\"state\": \"open\"}', state = 'open'",
        "update ledger_period set month = '2026-01'",
        "delete from ledger_period",
        """insert into ledger_period
           select (jsonb_populate_record(p, '{"month": "2026-01"}')).* from ledger_period p""",
    ],
)
def test_period_row_has_to_agree_with_its_last_event(change: str) -> None:
    """A statement cannot open or close a month without an event."""
    close(LAST)
    with _refused("ledger_period_as_logged"), connection.cursor() as cursor:
        cursor.execute(change)


def test_period_does_not_go_back_to_an_earlier_event() -> None:
    """An earlier closing does not count again, although two people had approved it."""
    close(LAST)
    with connection.cursor() as cursor:
        cursor.execute("create temporary table was as select * from ledger_period")
        assert change_of("reopen", LAST).status == "recorded"
        columns = ("state", "version", "event_id", "settled", "proposer", "resolver", "kept")
        for names in (columns, columns[:1]):
            changes = ", ".join(f"{name} = was.{name}" for name in names)
            with _refused("ledger_period_as_logged"):
                cursor.execute(f"update ledger_period p set {changes} from was")
        cursor.execute("drop table was")


def test_periods_are_not_truncated() -> None:
    """The table is append-only for TRUNCATE."""
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute("truncate ledger_period")


@contextmanager
def _refused(*constraints: str) -> Iterator[None]:
    """Run a transaction that the database has to refuse, naming one of these constraints."""
    before = counts()
    with pytest.raises(DatabaseError) as raised, transaction.atomic():
        yield
    cause = raised.value.__cause__
    assert isinstance(cause, psycopg2.Error)
    assert cause.diag.constraint_name in constraints, cause
    assert counts() == before

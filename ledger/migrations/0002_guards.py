"""Create the triggers of the write side, and reserve the fixed ids of the platform's accounts."""

from pathlib import Path
from typing import ClassVar

from django.db import migrations

from events.append_only import protect, unprotect

_SQL = Path(__file__).resolve().parent.parent / "sql"


def _file(name: str) -> str:
    return (_SQL / name).read_text()


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("ledger", "0001_initial"),
        ("events", "0002_append_only"),
        ("models", "0001_initial"),
    ]
    operations: ClassVar = [
        # Users' accounts get ids above those that the chart fixes for the platform's accounts.
        migrations.RunSQL(
            "alter table ledger_account alter column id restart with 1000",
            migrations.RunSQL.noop,
        ),
        # Leave space in each page, so that an updated row can stay on its page.
        migrations.RunSQL(
            "alter table ledger_account set (fillfactor = 70); alter table models_user set (fillfactor = 70)",
            "alter table ledger_account reset (fillfactor); alter table models_user reset (fillfactor)",
        ),
        migrations.RunSQL(
            _file("entries.sql"),
            "drop trigger ledger_check_entries on models_entry; drop function ledger_check_entries()",
        ),
        migrations.RunSQL(
            _file("append_only_rows.sql")
            + protect("models_operation", rows=False)
            + protect("models_entry", rows=False),
            "drop trigger ledger_check_emptied on models_operation;"
            "drop trigger ledger_check_emptied on models_entry; drop function ledger_check_emptied();"
            "drop trigger ledger_guard_operation on models_operation; drop function ledger_guard_operation();"
            "drop trigger ledger_guard_entry on models_entry; drop function ledger_guard_entry();"
            + unprotect("models_operation")
            + unprotect("models_entry"),
        ),
        migrations.RunSQL(
            _file("users.sql"),
            "drop trigger ledger_check_balances_insert on models_user;"
            "drop trigger ledger_check_balances_update on models_user;"
            "drop function ledger_check_balances();"
            "drop trigger ledger_guard_user on models_user; drop function ledger_guard_user()",
        ),
        migrations.RunSQL(
            _file("machines.sql"),
            "drop trigger ledger_note_machine_terms on models_machine; drop function ledger_note_machine_terms();"
            "drop trigger ledger_guard_machine on models_machine; drop function ledger_guard_machine()",
        ),
        migrations.RunSQL(protect("ledger_tariff"), unprotect("ledger_tariff")),
        migrations.RunSQL(protect("ledger_machine_terms"), unprotect("ledger_machine_terms")),
    ]

"""Create a function that finds an account's version at a time without reading all of its entries."""

from pathlib import Path
from typing import ClassVar

from django.db import migrations

_SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("ledger", "0013_contracts")]
    operations: ClassVar = [
        migrations.RunSQL(
            (_SQL / "account_versions.sql").read_text(),
            "drop function ledger_version_at(bigint, timestamptz, bigint)",
        ),
    ]

"""Check entries by looking up their accounts and operations in indexes, however large those tables are."""

from pathlib import Path
from typing import ClassVar

from django.db import migrations

_ENTRIES = Path(__file__).resolve().parent.parent / "sql" / "entries.sql"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("ledger", "0014_places")]
    operations: ClassVar = [
        # The trigger exists already; only its function is replaced.
        migrations.RunSQL(_ENTRIES.read_text().partition("create trigger")[0], migrations.RunSQL.noop),
    ]

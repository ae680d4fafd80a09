"""Let a machine's versions count in their order, and from when a message of a publisher arrived at the latest."""

from pathlib import Path
from typing import ClassVar

import django.db.models.functions.datetime
from django.db import migrations, models

_MACHINES = Path(__file__).resolve().parent.parent / "sql" / "machines.sql"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("ledger", "0015_entries_by_index")]
    operations: ClassVar = [
        migrations.AddField(
            model_name="reference",
            name="counts_from",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        # The trigger exists already; only its function is replaced.
        migrations.RunSQL(_MACHINES.read_text().partition("create trigger")[0], migrations.RunSQL.noop),
    ]

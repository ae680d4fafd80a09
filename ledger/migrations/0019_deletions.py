"""Find the deletions of users and machines in the log without reading all of it."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("ledger", "0018_reference_refusals"), ("events", "0001_initial")]
    operations: ClassVar = [
        migrations.RunSQL(
            """create index ledger_deletions on events_event (stream, position)
               where type in ('user.closed', 'machine.deleted')""",
            "drop index ledger_deletions",
        ),
    ]

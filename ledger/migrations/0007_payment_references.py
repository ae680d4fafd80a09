"""Store the payment references that were used, until their notes are erased."""

from pathlib import Path
from typing import ClassVar

from django.db import migrations, models

_SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("ledger", "0006_proposals_of_any_subject"), ("events", "0002_append_only")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="PaymentReference",
            fields=[
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("operation_id", models.UUIDField(unique=True)),
            ],
            options={"db_table": "ledger_payment_reference"},
        ),
        migrations.RunSQL(
            (_SQL / "payment_references.sql").read_text(),
            "drop trigger ledger_forget_payment on events_note; drop function ledger_forget_payment()",
        ),
    ]

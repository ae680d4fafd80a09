"""Retry refused states of reference data less and less often."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("ledger", "0017_withdrawn_codes")]
    operations: ClassVar = [
        migrations.RenameField(model_name="reference", old_name="tried_at", new_name="retry_at"),
        migrations.AddField(
            model_name="reference", name="refusals", field=models.IntegerField(db_default=0)
        ),
        migrations.AddField(
            model_name="reference", name="logged_at", field=models.DateTimeField(null=True)
        ),
    ]

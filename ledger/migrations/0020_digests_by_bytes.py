"""Compare digests of payment references by bytes."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("ledger", "0019_deletions")]
    operations: ClassVar = [
        migrations.AlterField(
            model_name="paymentreference",
            name="digest",
            field=models.CharField(db_collation="C", max_length=64, primary_key=True, serialize=False),
        ),
    ]

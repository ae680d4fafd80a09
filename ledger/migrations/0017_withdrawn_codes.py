"""Keep when a coupon code was withdrawn."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("ledger", "0016_machine_terms_in_order")]
    operations: ClassVar = [
        migrations.AddField(
            model_name="couponcode",
            name="withdrawn_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]

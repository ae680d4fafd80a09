"""Adds the maker of an API key, and the scope to approve."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0021_payments_by_reference")]

    operations = [
        migrations.AddField(
            model_name="apikey", name="made_by", field=models.BigIntegerField(blank=True, null=True)
        ),
        migrations.AlterField(
            model_name="apikey",
            name="scopes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("ledger:read", "Read"),
                        ("ledger:write", "Write"),
                        ("ledger:admin", "Admin"),
                        ("ledger:super-admin", "Super Admin"),
                        ("ledger:approve", "Approve"),
                    ],
                    max_length=30,
                ),
                default=list,
                size=None,
            ),
        ),
    ]

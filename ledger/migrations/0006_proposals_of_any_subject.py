"""Allow proposals about any subject, with or without a user, and a scope for super admins."""

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("ledger", "0005_reference"),
    ]

    operations = [
        migrations.RenameModel(old_name="AdjustmentProposal", new_name="ProposedChange"),
        migrations.AddField(
            model_name="proposedchange",
            name="subject",
            field=models.CharField(default="adjustment", max_length=20),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="proposedchange",
            name="user_id",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="scopes",
            field=ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("ledger:read", "Read"),
                        ("ledger:write", "Write"),
                        ("ledger:admin", "Admin"),
                        ("ledger:super-admin", "Super Admin"),
                    ],
                    max_length=30,
                ),
                default=list,
                size=None,
            ),
        ),
    ]

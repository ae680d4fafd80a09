"""Allow overrides for users and teams, and no version in force before its publication."""

from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):

    dependencies = [
        ("ledger", "0011_names"),
    ]

    operations = [
        migrations.AddField("publishedtariff", "user_id", models.BigIntegerField(null=True)),
        migrations.AddField("publishedtariff", "team_id", models.BigIntegerField(null=True)),
        migrations.AddIndex(
            "publishedtariff",
            models.Index(
                fields=["user_id"], condition=Q(user_id__isnull=False), name="ledger_tariff_of_user"
            ),
        ),
        migrations.AddIndex(
            "publishedtariff",
            models.Index(
                fields=["team_id"], condition=Q(team_id__isnull=False), name="ledger_tariff_of_team"
            ),
        ),
        migrations.AddConstraint(
            "publishedtariff",
            models.CheckConstraint(
                condition=Q(effective_from__gte=F("published_at")) | Q(version=1),
                name="ledger_tariff_not_before_published",
            ),
        ),
        migrations.AddConstraint(
            "publishedtariff",
            models.CheckConstraint(
                condition=Q(user_id=None) | Q(team_id=None), name="ledger_tariff_of_one"
            ),
        ),
    ]

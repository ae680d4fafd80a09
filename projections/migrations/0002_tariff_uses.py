"""How many operations each version of the tariff has priced."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("projections", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="TariffUse",
            fields=[
                ("version", models.IntegerField(primary_key=True, serialize=False)),
                ("operations", models.BigIntegerField()),
            ],
            options={"db_table": "projections_tariff_use", "ordering": ("version",)},
        ),
    ]

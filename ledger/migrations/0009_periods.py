"""Create periods, their frozen balances, and the triggers that keep operations out of closed periods."""

from pathlib import Path

from django.db import migrations, models

from events.append_only import protect, unprotect

_PERIODS = Path(__file__).resolve().parent.parent / "sql" / "periods.sql"


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0008_tombstones'),
        ('models', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='PeriodBalance',
            fields=[
                ('pk', models.CompositePrimaryKey('month', 'account_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('month', models.CharField(max_length=7)),
                ('account_id', models.BigIntegerField()),
                ('debits', models.DecimalField(decimal_places=8, max_digits=38)),
                ('credits', models.DecimalField(decimal_places=8, max_digits=38)),
                ('balance', models.DecimalField(decimal_places=8, max_digits=38)),
            ],
            options={
                'db_table': 'ledger_period_balance',
            },
        ),
        migrations.CreateModel(
            name='BookPeriod',
            fields=[
                ('month', models.CharField(max_length=7, primary_key=True, serialize=False)),
                ('state', models.CharField(max_length=6)),
                ('version', models.IntegerField()),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('event_id', models.UUIDField()),
                ('settled', models.BigIntegerField()),
                ('proposer', models.CharField(max_length=200)),
                ('resolver', models.CharField(max_length=200)),
                ('kept', models.JSONField()),
            ],
            options={
                'db_table': 'ledger_period',
                'ordering': ('-month',),
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['closed', 'open'])), name='ledger_period_state'), models.CheckConstraint(condition=models.Q(('resolver', models.F('proposer')), _negated=True), name='ledger_period_four_eyes')],
            },
        ),
        migrations.RunSQL(
            _PERIODS.read_text() + protect("ledger_period", rows=False),
            "drop trigger ledger_check_period on models_operation;"
            "drop trigger ledger_check_period on models_entry; drop function ledger_check_period();"
            "drop trigger ledger_guard_period on ledger_period; drop function ledger_guard_period();"
            "drop function ledger_closed_until();" + unprotect("ledger_period"),
        ),
    ]

"""Keep the payments of all providers with one reference in one row."""

from pathlib import Path
from typing import ClassVar

from django.db import migrations, models

_SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("ledger", "0020_digests_by_bytes")]
    operations: ClassVar = [
        migrations.RunSQL("delete from ledger_payment_reference", migrations.RunSQL.noop),
        migrations.RemoveField(model_name="paymentreference", name="operation_id"),
        migrations.AddField(
            model_name="paymentreference", name="payments", field=models.JSONField(default=None),
            preserve_default=False,
        ),
        # The trigger exists already; only its function is replaced.
        migrations.RunSQL(
            (_SQL / "payment_references.sql").read_text().partition("create trigger")[0],
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            """insert into ledger_payment_reference (digest, payments)
               select encode(sha256(convert_to(concat_ws(e'\\n', e.data ->> 'kind', n.text), 'UTF8')), 'hex'),
                      jsonb_object_agg(coalesce(e.data -> 'command' ->> 'payment_provider', 'default'), e.id)
               from events_note n join events_event e on e.id = n.event_id
               where n.name = 'payment_reference' and n.text is not null
                 and e.type in ('operation.recorded', 'payout.paid')
                 and e.data ->> 'kind' in ('credit_from_user', 'payout')
               group by 1""",
            migrations.RunSQL.noop,
        ),
    ]

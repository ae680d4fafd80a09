"""State that the write side keeps of grants, holds, reversals, codes and proposals, copied from events.

The rows are written in the posting transaction, and a replay makes the same rows: rebuilds and `verify`
run `ledger.engine.kept_store.write` over shadow tables, as they run a projection.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar, Final

from events.message import StoredEvent
from ledger.engine import kept_store, payment_references
from projections.projection import Table

_LEFT: Final = ("grants", "holds", "payouts", "contracts")
KEPT: Final = tuple(each.section for each in kept_store.TABLES)


class KeptState:
    """All tables that `ledger.engine.kept_store` writes, replayed like a projection."""

    name: ClassVar[str] = "state"
    tables: ClassVar[Sequence[Table]] = (
        *(
            Table(name=each.table, key=(each.key,), columns=tuple(column for column, _ in each.columns))
            for each in kept_store.TABLES
        ),
        Table(
            name="ledger_remaining",
            key=("position", "subject"),
            columns=("subject_kind", "user_id", "recorded_at", "remaining", "expires_at"),
            append_only=True,
        ),
        Table(
            name="ledger_payment_reference",
            key=("digest",),
            columns=("payments",),
            living=f"""not exists (
                select from jsonb_each_text(r.payments) paid
                join events_note n on n.event_id = paid.value::uuid and n.name = '{payment_references.NOTE}'
                where n.text is null)""",
        ),
    )

    def apply(self, cursor: Any, events: Sequence[StoredEvent]) -> None:
        """Write the state that events carry. Credit limits are a column of accounts and not written here."""
        kept = [
            replace(event, data={name: event.data[name] for name in KEPT if name in event.data})
            for event in events
            if not event.data.keys().isdisjoint(KEPT)
        ]
        if kept:
            kept_store.write(cursor, kept)
        payment_references.store_missing(cursor, events)


def remaining(cursor: Any, events: Iterable[StoredEvent]) -> dict[str, Decimal]:
    """Return what was left of the grants, holds, payouts and escrows that the events name, before the
    events.
    """
    named = [event.data for event in events if not event.data.keys().isdisjoint(_LEFT)]
    grants, holds, payouts, contracts = (
        [key for data in named for key in data.get(name, ())] for name in _LEFT
    )
    if not (grants or holds or payouts or contracts):
        return {}
    cursor.execute(
        """select id::text, remaining from ledger_grant where id = any(%s::uuid[])
           union all
           select id::text, (kept ->> 'remaining')::numeric from ledger_hold where id = any(%s::uuid[])
           union all
           select id::text, (kept ->> 'remaining')::numeric from ledger_payout where id = any(%s::uuid[])
           union all
           select 'escrow:' || id, (kept ->> 'remaining')::numeric
           from ledger_contract where id = any(%s::bigint[])""",
        [grants, holds, payouts, contracts],
    )
    return dict(cursor.fetchall())

"""Grants, holds and reversals: write-side state that is a copy of what events say.

It is kept in the posting transaction, but a replay makes the same rows: a rebuild and `verify` run
`ledger.state.write` over shadow tables, as they run a projection.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar, Final

from events.message import StoredEvent
from ledger import state
from projections.projection import Table

_KEPT: Final = ("grants", "holds", "reversed")


class KeptState:
    """The three tables, brought forward like a projection's."""

    name: ClassVar[str] = "state"
    tables: ClassVar[Sequence[Table]] = (
        Table(
            name="ledger_grant",
            key=("id",),
            columns=("user_id", "remaining", "expires_at", "code", "kept"),
        ),
        Table(name="ledger_hold", key=("id",), columns=("user_id", "state", "expires_at", "kept")),
        Table(name="ledger_reversed", key=("operation_id",), columns=("kept",)),
    )

    def apply(self, cursor: Any, events: Sequence[StoredEvent]) -> None:
        """Write what the events keep. Codes and credit limits are columns of other tables: not these."""
        kept = [
            replace(event, data={name: event.data[name] for name in _KEPT if name in event.data})
            for event in events
            if any(name in event.data for name in _KEPT)
        ]
        if kept:
            state.write(cursor, kept)


def remaining(cursor: Any, events: Iterable[StoredEvent]) -> dict[str, Decimal]:
    """What is left of the grants and holds that the events name, before them."""
    grants = [key for event in events for key in event.data.get("grants", ())]
    holds = [key for event in events for key in event.data.get("holds", ())]
    if not grants and not holds:
        return {}
    cursor.execute(
        """select id::text, remaining from ledger_grant where id = any(%s::uuid[])
           union all
           select id::text, (kept ->> 'remaining')::numeric from ledger_hold where id = any(%s::uuid[])""",
        [grants, holds],
    )
    return dict(cursor.fetchall())

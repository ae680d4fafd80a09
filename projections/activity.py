"""Counts recorded and rejected operations per day and kind."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC
from typing import Any, ClassVar

from events.message import StoredEvent
from ledger.domain.decide import OPERATION_TYPES, REJECTION_TYPES
from projections.projection import Table


class Activity:
    """Has one row per day (UTC, by recording time) and kind."""

    name: ClassVar[str] = "activity"
    tables: ClassVar[Sequence[Table]] = (
        Table(name="projections_activity", key=("day", "kind"), columns=("recorded", "rejected")),
    )

    def apply(self, cursor: Any, events: Sequence[StoredEvent]) -> None:
        """Add the events to the counts."""
        counted = Counter(
            (event.recorded_at.astimezone(UTC).date(), event.data["kind"], event.type in OPERATION_TYPES)
            for event in events
            if event.type in OPERATION_TYPES or event.type in REJECTION_TYPES
        )
        if not counted:
            return
        places = sorted({(day, kind) for day, kind, _ in counted})
        cursor.execute(
            """insert into projections_activity as a (day, kind, recorded, rejected)
               select * from unnest(%s::date[], %s::text[], %s::bigint[], %s::bigint[])
               on conflict (day, kind) do update
               set recorded = a.recorded + excluded.recorded, rejected = a.rejected + excluded.rejected""",
            [
                [day for day, _ in places],
                [kind for _, kind in places],
                *([counted[(*place, recorded)] for place in places] for recorded in (True, False)),
            ],
        )

"""Counts the operations that each version of the tariff has priced, including overrides of users and
teams.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

from django.db import connection

from events.message import StoredEvent
from ledger.domain.decide import OPERATION_TYPES
from projections import checkpoints
from projections.projection import Table


class TariffUses:
    """Has one row per version that priced an operation."""

    name: ClassVar[str] = "tariff_uses"
    tables: ClassVar[Sequence[Table]] = (
        Table(name="projections_tariff_use", key=("version",), columns=("operations",)),
    )

    def apply(self, cursor: Any, events: Sequence[StoredEvent]) -> None:
        """Add the operations among the events to the counts."""
        counted: Counter[int] = Counter()
        for event in events:
            pricing = event.data.get("pricing") if event.type in OPERATION_TYPES else None
            if pricing and "tariff" in pricing:
                counted.update([pricing["tariff"], *pricing.get("overrides", ())])
        if not counted:
            return
        versions = sorted(counted)
        cursor.execute(
            """insert into projections_tariff_use as u (version, operations)
               select * from unnest(%s::int[], %s::bigint[])
               on conflict (version) do update set operations = u.operations + excluded.operations""",
            [versions, [counted[version] for version in versions]],
        )


def uses(version: int) -> tuple[int, int]:
    """Return the number of operations that a version has priced, and the position up to which they were
    counted.
    """
    with connection.cursor() as cursor:
        cursor.execute("select operations from projections_tariff_use where version = %s", [version])
        row = cursor.fetchone()
        return (0 if row is None else int(row[0])), checkpoints.read(cursor).get(TariffUses.name, 0)

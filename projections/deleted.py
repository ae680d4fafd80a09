"""Finds users and machines that the log names and that were deleted later."""

from collections.abc import Collection
from typing import Any


def deleted(cursor: Any, table: str, ids: Collection[int | None]) -> frozenset[int]:
    """Return the ids that have no row in the table. None means no reference, and is ignored."""
    asked = [each for each in ids if each is not None]
    if not asked:
        return frozenset()
    cursor.execute(
        f"""select asked.id from unnest(%s::bigint[]) as asked(id)
            where not exists (select from {table} t where t.id = asked.id)""",  # noqa: S608 (two fixed names)
        [asked],
    )
    return frozenset(row[0] for row in cursor.fetchall())

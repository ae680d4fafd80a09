"""Users and machines that the log names and that were deleted since."""

from collections.abc import Collection
from typing import Any


def deleted(cursor: Any, table: str, ids: Collection[int | None]) -> frozenset[int]:
    """Those of the ids that the table has no row of. None stands for no reference."""
    asked = [each for each in ids if each is not None]
    if not asked:
        return frozenset()
    cursor.execute(
        f"""select asked.id from unnest(%s::bigint[]) as asked(id)
            where not exists (select from {table} t where t.id = asked.id)""",  # noqa: S608 (two fixed names)
        [asked],
    )
    return frozenset(row[0] for row in cursor.fetchall())

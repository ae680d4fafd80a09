"""Finds in the log which users and machines were deleted: one with the same id may have come again since."""

from collections.abc import Collection
from typing import Any, Final, Literal

_EVENTS: Final = {"user": "user.closed", "machine": "machine.deleted"}


def deleted_at(cursor: Any, kind: Literal["user", "machine"], ids: Collection[int | None]) -> dict[int, int]:
    """Return the position of the last deletion of each id that was ever deleted. None is ignored.

    An operation at a lower position has an empty reference; one at a higher position names another user or
    machine that has the same id.
    """
    streams = [f"{kind}:{each}" for each in ids if each is not None]
    if not streams:
        return {}
    cursor.execute(
        """select stream, max(position) from events_event
           where type = %s and stream = any(%s) group by stream""",
        [_EVENTS[kind], streams],
    )
    return {int(stream.partition(":")[2]): position for stream, position in cursor.fetchall()}

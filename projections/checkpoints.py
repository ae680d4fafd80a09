"""The position that each projection has reached: a row among the log's checkpoints, locked while it moves."""

from collections.abc import Sequence
from typing import Any, Final

PREFIX: Final = "projection:"


def create_missing(cursor: Any, names: Sequence[str]) -> None:
    """Create a checkpoint at the beginning of the log for each projection that has none."""
    cursor.execute(
        """insert into events_checkpoint (name, position, updated_at)
           select name, 0, now() from unnest(%s::text[]) as name order by name
           on conflict do nothing""",
        [[PREFIX + name for name in names]],
    )


def lock(cursor: Any, name: str) -> int:
    """Lock a checkpoint until the transaction ends, and return its position."""
    create_missing(cursor, [name])
    cursor.execute("select position from events_checkpoint where name = %s for update", [PREFIX + name])
    return int(cursor.fetchone()[0])


def lock_free(cursor: Any, names: Sequence[str]) -> dict[str, int]:
    """Lock the checkpoints that are not locked already; return their positions by projection."""
    cursor.execute(
        """select name, position from events_checkpoint where name = any(%s)
           order by name for update skip locked""",
        [[PREFIX + name for name in names]],
    )
    return {name.removeprefix(PREFIX): position for name, position in cursor.fetchall()}


def read(cursor: Any) -> dict[str, int]:
    """Return the positions of all checkpoints, by projection."""
    cursor.execute("select name, position from events_checkpoint where starts_with(name, %s)", [PREFIX])
    return {name.removeprefix(PREFIX): position for name, position in cursor.fetchall()}


def move(cursor: Any, name: str, position: int) -> None:
    """Move a locked checkpoint."""
    cursor.execute(
        "update events_checkpoint set position = %s, updated_at = now() where name = %s",
        [position, PREFIX + name],
    )

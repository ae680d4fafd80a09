"""How far each projection has come: a row of the log's checkpoints, locked by whoever moves it."""

from collections.abc import Sequence
from typing import Any, Final

_PREFIX: Final = "projection:"


def create_missing(cursor: Any, names: Sequence[str]) -> None:
    """Give projections without a checkpoint one at the beginning of the log."""
    cursor.execute(
        """insert into events_checkpoint (name, position, updated_at)
           select name, 0, now() from unnest(%s::text[]) as name order by name
           on conflict do nothing""",
        [[_PREFIX + name for name in names]],
    )


def lock(cursor: Any, name: str) -> int:
    """The checkpoint, kept from everybody else until the transaction ends."""
    create_missing(cursor, [name])
    cursor.execute("select position from events_checkpoint where name = %s for update", [_PREFIX + name])
    return int(cursor.fetchone()[0])


def lock_free(cursor: Any, names: Sequence[str]) -> dict[str, int]:
    """The checkpoints that nobody else holds now, locked, by projection."""
    cursor.execute(
        """select name, position from events_checkpoint where name = any(%s)
           order by name for update skip locked""",
        [[_PREFIX + name for name in names]],
    )
    return {name.removeprefix(_PREFIX): position for name, position in cursor.fetchall()}


def read(cursor: Any) -> dict[str, int]:
    """All checkpoints of projections as they stand, by projection."""
    cursor.execute("select name, position from events_checkpoint where starts_with(name, %s)", [_PREFIX])
    return {name.removeprefix(_PREFIX): position for name, position in cursor.fetchall()}


def move(cursor: Any, name: str, position: int) -> None:
    """Move a locked checkpoint."""
    cursor.execute(
        "update events_checkpoint set position = %s, updated_at = now() where name = %s",
        [position, _PREFIX + name],
    )

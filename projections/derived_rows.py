"""Derives the rows of operations and entries from the log, for `verify` and to restore lost rows.

The functions that made the rows when they were posted make them again, from stored events alone. Only
references to users and machines that were deleted later are empty, which the log says too.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Literal

from events.copying import NULL
from events.message import StoredEvent
from ledger.domain.entries import entries
from ledger.engine.rows import ENTRY_COLUMNS, OPERATION_COLUMNS, RowSource, Times, entry_rows, operation_row
from projections.deleted import deleted_at

UNKNOWN_ACCOUNT: Final = 0
"""Replaces the id of an account that an event names and that has no row."""

_MACHINE: Final = OPERATION_COLUMNS.index("machine_id")
_OWNER: Final = OPERATION_COLUMNS.index("machine_owner_id")
_USER: Final = OPERATION_COLUMNS.index("operation_user_id")
_POSITION: Final = OPERATION_COLUMNS.index("position")
_ENTRY_USER: Final = ENTRY_COLUMNS.index("user_id")
_ENTRY_POSITION: Final = ENTRY_COLUMNS.index("position")


@dataclass(slots=True)
class Records:
    """The rows of events as lines in COPY's text format, with the journal's columns in their order."""

    operations: list[str] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)

    def add(self, event: StoredEvent, ids: Mapping[str, int]) -> None:
        """Derive the rows of an event of `OPERATION_TYPES`. `ids` are account ids by code."""
        record = RowSource(event, entries(event.data["transfers"], event.data["accounts"]), _times(event))
        operation, rows = operation_row(record), entry_rows(record, ids)
        self.operations.append(operation)
        self.entries += rows

    def empty_references(self, cursor: Any, payees: set[str]) -> None:
        """Clear references to users and machines that were deleted later.

        `payees` are the users of all accounts that have the entries.
        """
        machines: set[str] = set()
        users = set(payees)
        for line in self.operations:
            _, machine, owner, user, _ = line.split("\t", 4)
            machines.add(machine)
            users.add(owner)
            users.add(user)
        gone_machines = _gone(cursor, "machine", machines)
        gone_users = _gone(cursor, "user", users)
        if gone_machines or gone_users:
            columns = {_MACHINE: gone_machines, _OWNER: gone_users, _USER: gone_users}
            self.operations = [_emptied(line, _POSITION, columns) for line in self.operations]
        if gone_users:
            self.entries = [
                _emptied(line, _ENTRY_POSITION, {_ENTRY_USER: gone_users}) for line in self.entries
            ]


def account_ids(cursor: Any, codes: Collection[str]) -> dict[str, int]:
    """Return the ids of users' accounts by code. Codes without a row are left out."""
    if not codes:
        return {}
    cursor.execute("select code, id from ledger_account where code = any(%s)", [list(codes)])
    return dict(cursor.fetchall())


def _times(event: StoredEvent) -> Times:
    """Return the times as PostgreSQL writes them, so that whole rows can be compared as text."""
    occurred_at, effective_at = _written(event.occurred_at), event.data.get("effective_at")
    counts_at = occurred_at if effective_at is None else _written(datetime.fromisoformat(effective_at))
    return Times(occurred_at, _written(event.recorded_at), counts_at)


@lru_cache(maxsize=1 << 13)
def _written(time: datetime) -> str:
    written = str(time.astimezone(UTC))[: -len("+00:00")]
    return f"{written.rstrip('0') if '.' in written else written}+00"


def _gone(cursor: Any, kind: Literal["user", "machine"], ids: set[str]) -> dict[str, int]:
    found = deleted_at(cursor, kind, [int(each) for each in ids if each != NULL])
    return {str(each): position for each, position in found.items()}


def _emptied(line: str, position: int, gone: Mapping[int, Mapping[str, int]]) -> str:
    """Return a row without its references to what was deleted later. `position` is the position's column."""
    values = line.split("\t")
    for column, deletions in gone.items():
        if deletions.get(values[column], 0) > int(values[position]):
            values[column] = NULL
    return "\t".join(values)

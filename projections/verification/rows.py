"""Reads stored rows of operations and entries, and compares them as lines of text.

A chunk that agrees costs one comparison of two texts; only a chunk that differs is parsed.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from events.copying import NULL
from ledger.engine.rows import ENTRIES_MAX, ENTRY_COLUMNS, OPERATION_COLUMNS
from projections.verification.findings import Findings

_POSITION: Final = OPERATION_COLUMNS.index("position")
_AMOUNTS: Final = frozenset({"amount", "balance_after"})
_LINKS: Final = frozenset({"credit_id", "debit_id", "credit_ixioo_id", "debit_ixioo_id"})


def stored_operations(cursor: Any, *, after: int | None, upto: int | None, limit: int | None = None) -> str:
    """Read the operations with after < position ≤ upto, with the journal's columns in their order."""
    bounds = _bounds("position", after, upto)
    return _copy(cursor, "models_operation", OPERATION_COLUMNS, bounds, "position", limit)


def stored_entries(cursor: Any, *, after: int | None, upto: int) -> str:
    """Read the entries whose ids belong to events with after < position ≤ upto."""
    first = None if after is None else last_entry_id(after)
    bounds = _bounds("id", first, last_entry_id(upto))
    return _copy(cursor, "models_entry", ENTRY_COLUMNS, bounds, "id", None)


def stored_entries_after(cursor: Any, last: int | None, *, limit: int) -> str:
    """Read the next entries by id."""
    return _copy(cursor, "models_entry", ENTRY_COLUMNS, _bounds("id", last, None), "id", limit)


def last_position(operations: str) -> int:
    """Return the position of the last operation."""
    return int(_lines(operations)[-1].split("\t")[_POSITION])


def last_id(entries: str) -> int:
    """Return the id of the last entry."""
    return int(_lines(entries)[-1].partition("\t")[0])


def last_entry_id(position: int) -> int:
    """Return the highest entry id that the event at a position can have."""
    return position * ENTRIES_MAX + ENTRIES_MAX - 1


class OpenLinks:
    """Filled links of operations, kept until the event that filled them is read."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, str]] = {}

    def found(self, operation: str, column: str, value: str) -> None:
        """Note a filled link that the operation's own event leaves empty."""
        self._found.setdefault(operation, {})[column] = value

    def said(self, position: int, operation: str, links: Mapping[str, int], findings: Findings) -> None:
        """Note that an event filled links of an operation."""
        found = self._found.get(operation, {})
        for name, entry in links.items():
            value = found.pop(f"{name}_id", None)
            if value != str(entry):
                where = f"operation {operation} (linked by event {position})"
                findings.add(where, f"models_operation.{name}_id", expected=entry, found=value)
        if not found:
            self._found.pop(operation, None)

    def finish(self, findings: Findings) -> None:
        """Report the remaining links: no event filled them."""
        for operation, links in self._found.items():
            for column, value in links.items():
                findings.add(
                    f"operation {operation}", f"models_operation.{column}", expected=None, found=value
                )


def compare_operations(
    expected: Sequence[str],
    found: str,
    links: OpenLinks,
    findings: Findings,
) -> None:
    """Report operations that are missing, unknown or different."""
    if _text(expected) == found:
        return
    for wanted, stored in _pairs(expected, found):
        where = _where("operation", wanted or stored or [], OPERATION_COLUMNS)
        if wanted is None or stored is None:
            _missing(where, "models_operation", wanted, findings)
            continue
        for column, value, actual in zip(OPERATION_COLUMNS, wanted, stored, strict=True):
            if value == actual:
                continue
            if column in _LINKS and value == NULL:
                links.found(stored[0], column, actual)
            else:
                findings.add(where, f"models_operation.{column}", expected=value, found=actual)


def compare_entries(expected: Sequence[str], found: str, findings: Findings) -> None:
    """Report entries that are missing, unknown or different."""
    if _text(expected) == found:
        return
    for wanted, stored in _pairs(expected, found):
        row = wanted or stored or []
        where = f"{_where('entry', row, ENTRY_COLUMNS)}, operation {row[1]}"
        if wanted is None or stored is None:
            _missing(where, "models_entry", wanted, findings)
            continue
        for column, value, actual in zip(ENTRY_COLUMNS, wanted, stored, strict=True):
            if value != actual and not (column in _AMOUNTS and _equal(value, actual)):
                findings.add(where, f"models_entry.{column}", expected=value, found=actual)


def _missing(where: str, table: str, wanted: list[str] | None, findings: Findings) -> None:
    if wanted is None:
        findings.add(where, table, expected="no row", found="a row")
    else:
        findings.add(where, table, expected="a row", found="no row")


def _where(name: str, row: Sequence[str], columns: Sequence[str]) -> str:
    return f"{name} {row[0]} (event {row[columns.index('position')]})"


def _pairs(
    expected: Iterable[str],
    written: str,
) -> list[tuple[list[str] | None, list[str] | None]]:
    """Yield the rows that differ, parsed: the expected and the stored row of each id."""
    found = _lines(written)
    same = set(expected) & set(found)
    wanted = {line.partition("\t")[0]: line for line in expected if line not in same}
    stored = {line.partition("\t")[0]: line for line in found if line not in same}
    ids = [*wanted, *(id_ for id_ in stored if id_ not in wanted)]
    return [(_split(wanted.get(id_)), _split(stored.get(id_))) for id_ in ids]


def _split(line: str | None) -> list[str] | None:
    return None if line is None else line.split("\t")


def _equal(value: str, actual: str) -> bool:
    return NULL not in {value, actual} and Decimal(value) == Decimal(actual)


def _bounds(column: str, after: int | None, upto: int | None) -> str:
    bounds = [f"{column} > {after}"] if after is not None else []
    bounds += [f"{column} <= {upto}"] if upto is not None else []
    return " and ".join(bounds) or "true"


def _copy(
    cursor: Any,
    table: str,
    columns: Sequence[str],
    bounds: str,
    order: str,
    limit: int | None,
) -> str:
    lines = io.StringIO()
    with connection.wrap_database_errors:
        cursor.copy_expert(
            f"copy (select {', '.join(columns)} from {table} where {bounds} order by {order} "  # noqa: S608
            f"limit {'all' if limit is None else limit}) to stdout",
            lines,
        )
    return lines.getvalue()


def _text(lines: Sequence[str]) -> str:
    return "\n".join([*lines, ""])


def _lines(written: str) -> list[str]:
    return written.split("\n")[:-1]

"""Imports billing rows of the older system as events without entries, each once.

The file is CSV in UTF-8. Its header names columns of `models.machine_billing.Billing` and `id`, the row's
number in the older system. Each `id` is imported once, however often the file is read.
"""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from django.db import connection, models, transaction
from pydantic import TypeAdapter, ValidationError

from easyautoml_ledger.errors import first_contract_error
from easyautoml_ledger.money import NonNegativeAmount
from events import store
from events.identifiers import uuid7
from ledger.domain.errors import Invalid
from ledger.domain.money import text
from ledger.engine.submission import fingerprint_of
from models.machine_billing import Billing

SOURCE: Final = "/ledger/legacy-billing"
EVENT_TYPE: Final = "legacy.billing_imported"
_BATCH: Final = 1000
_LARGEST_COUNT: Final = 2**31 - 1
_TRUE, _FALSE = frozenset({"1", "t", "true"}), frozenset({"0", "f", "false"})
_COLUMNS: Final[Mapping[str, "models.Field[Any, Any]"]] = {
    name: column
    for column in Billing._meta.concrete_fields
    if column.name not in {"id", "operation_position"}
    for name in (column.name, column.attname)
}

_amount: TypeAdapter[Decimal] = TypeAdapter(NonNegativeAmount)


@dataclass(slots=True)
class ImportResult:
    """The rows of a file by outcome; `refused` says for each refused row where it is and why."""

    recorded: int = 0
    replayed: int = 0
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Row:
    where: str
    id: int
    values: Mapping[str, Any]

    @property
    def command(self) -> dict[str, Any]:
        """The command in the event: the row's columns that are not empty."""
        return {"type": "legacy_billing", "id": self.id, "row": dict(self.values)}


def import_legacy_billing(
    path: Path,
    *,
    now: datetime,
    progress: Callable[[int], None] = lambda _done: None,
) -> ImportResult:
    """Import every valid row. Raises `Invalid` for a file or header that cannot be read."""
    imported, rows, done = ImportResult(), [], 0
    for where, cells in _lines(path):
        try:
            rows.append(_read(where, cells))
        except Invalid as error:
            imported.refused.append(f"{where}, {error.details['field']}: {error.message}")
        done += 1
        if len(rows) == _BATCH:
            _append(rows, imported, now)
            progress(done)
            rows = []
    if rows:
        _append(rows, imported, now)
    progress(done)
    return imported


def _append(rows: list[_Row], imported: ImportResult, now: datetime) -> None:
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        known = _with_known_references(cursor, rows, imported)
        new: dict[store.Key, _Row] = {}
        for row in known:
            key = store.Key(SOURCE, str(row.id))
            if key in new:
                imported.refused.append(f"{row.where}, id: {row.id} occurs twice")
            else:
                new[key] = row
        claims = {key: store.Claim(fingerprint_of(row.command), uuid7()) for key, row in new.items()}
        taken = store.claim_keys(cursor, claims)
        for key, claim in taken.items():
            if claim.fingerprint == claims[key].fingerprint:
                imported.replayed += 1
            else:
                imported.refused.append(
                    f"{new[key].where}, id: {key.request_id} was imported with other values"
                )
        fresh = [key for key in new if key not in taken]
        if fresh:
            store.append_facts(cursor, [_fact(key, new[key], claims[key].event_id, now) for key in fresh])
        imported.recorded += len(fresh)


def _fact(key: store.Key, row: _Row, event_id: str, now: datetime) -> store.Fact:
    return store.Fact(
        id=event_id,
        stream=f"legacy_billing:{row.id}",
        type=EVENT_TYPE,
        data={"command": row.command},
        metadata={"source": key.source, "request_id": key.request_id, "actor": "import"},
        occurred_at=now,
        recorded_at=now,
    )


def _with_known_references(cursor: Any, rows: list[_Row], imported: ImportResult) -> list[_Row]:
    """Return the rows whose machine and users exist; refuse the others."""
    known: dict[str, set[int]] = {}
    for column in {column.attname: column for column in _COLUMNS.values() if column.is_relation}.values():
        asked = [row.values[column.attname] for row in rows if column.attname in row.values]
        related: type[models.Model] = column.related_model  # type: ignore[assignment]
        table = related._meta.db_table
        cursor.execute(f"select id from {table} where id = any(%s) for key share", [asked])  # noqa: S608
        known[column.attname] = {found[0] for found in cursor.fetchall()}
    accepted = []
    for row in rows:
        missing = [name for name, ids in known.items() if row.values.get(name, None) not in {None, *ids}]
        if missing:
            imported.refused.append(f"{row.where}, {missing[0]}: {row.values[missing[0]]} does not exist")
        else:
            accepted.append(row)
    return accepted


def _lines(path: Path) -> Any:
    try:
        # Spreadsheets begin a file with a byte order mark.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            for name in header:
                if name != "id" and name not in _COLUMNS:
                    raise Invalid("is not a column of the billing table", field=name)
            if "id" not in header or len(set(header)) != len(header):
                raise Invalid("the header must have id, and no column twice", field="row 1")
            for cells in reader:
                where = f"row {reader.line_num}"
                if not cells:  # a blank line, as editors leave one at the end
                    continue
                if len(cells) != len(header):
                    raise Invalid(f"{len(cells)} columns instead of {len(header)}", field=where)
                yield where, dict(zip(header, cells, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Invalid(f"{path} cannot be read: {error}", field="file") from error


def _read(where: str, cells: Mapping[str, str]) -> _Row:
    values = {
        _COLUMNS[name].attname: _value(name, _COLUMNS[name], cell)
        for name, cell in cells.items()
        if name != "id" and cell != ""
    }
    return _Row(where, _read_whole("id", cells["id"], 2**63 - 1), values)


def _value(name: str, column: "models.Field[Any, Any]", cell: str) -> Any:
    if isinstance(column, models.BooleanField):
        if cell.lower() not in _TRUE | _FALSE:
            raise Invalid("must be true or false", field=name)
        return cell.lower() in _TRUE
    if isinstance(column, models.DecimalField):
        try:
            return text(_amount.validate_python(cell))
        except ValidationError as error:
            raise Invalid(first_contract_error(error).message, field=name) from None
    return _read_whole(name, cell, 2**63 - 1 if column.is_relation else _LARGEST_COUNT)


def _read_whole(name: str, cell: str, largest: int) -> int:
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 19 and int(cell) <= largest):
        raise Invalid("must be a whole number", field=name)
    return int(cell)

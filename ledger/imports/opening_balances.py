"""Imports opening balances from a file: checked completely before anything is written, posted once per user.

The file is CSV in UTF-8 with the header

`user_id,user_balance,user_ixioo_balance,coupon_balance,due_usd,due_eaml`

It has one row per user, and the control totals as its last row: `total:<number of users>` and the sum of
each column. Amounts are decimals with at most 8 places.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from django.db import connection
from pydantic import TypeAdapter, ValidationError

from easyautoml_ledger.errors import first_contract_error
from easyautoml_ledger.money import NonNegativeAmount
from ledger.domain.errors import Invalid
from ledger.domain.money import ZERO, text
from ledger.domain.opening import OpenBalances
from ledger.engine.posting import post
from ledger.engine.submission import Sender, Submission

SOURCE: Final = "/ledger/opening-balances"
_AMOUNTS: Final = ("user_balance", "user_ixioo_balance", "coupon_balance", "due_usd", "due_eaml")
_HEADER: Final = ["user_id", *_AMOUNTS]
_BATCH: Final = 1000

_amount: TypeAdapter[Decimal] = TypeAdapter(NonNegativeAmount)


@dataclass(frozen=True, slots=True)
class Row:
    """One user's balances, in the order of the header's amounts."""

    user: int
    amounts: tuple[Decimal, ...]


@dataclass(slots=True)
class ImportResult:
    """The users of a file by outcome. The `conflicting` ones already have different opening balances."""

    recorded: int = 0
    replayed: int = 0
    conflicting: tuple[int, ...] = ()
    rejected: tuple[int, ...] = ()


def import_opening_balances(
    path: Path,
    *,
    now: datetime,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> ImportResult:
    """Post one operation per user of the file. Running it again posts nothing twice.

    Raises `Invalid`, with nothing written, if the file cannot be read, its totals do not agree, or a user is
    unknown or occurs twice; `field` says where (`row 3, coupon_balance`).
    """
    rows = _read_checked(path)
    imported = ImportResult()
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        for row, outcome in zip(batch, post([_submission(row, now) for row in batch]), strict=True):
            if outcome.status == "recorded":
                imported.recorded += not outcome.replayed
                imported.replayed += outcome.replayed
            elif outcome.status == "conflict":
                imported.conflicting += (row.user,)
            else:
                imported.rejected += (row.user,)
        progress(start + len(batch), len(rows))
    return imported


def _submission(row: Row, now: datetime) -> Submission:
    sent = dict(zip(_AMOUNTS, map(text, row.amounts), strict=True))
    usd, eaml, coupon, due_usd, due_eaml = row.amounts
    return Submission(
        sender=Sender(source=SOURCE, request_id=f"user:{row.user}", received_at=now, actor="import"),
        command=OpenBalances(
            user=row.user,
            occurred_at=now,
            usd=usd,
            eaml=eaml,
            coupon=coupon,
            due_usd=due_usd,
            due_eaml=due_eaml,
        ),
        sent={"type": "opening_balance", "operation_user": row.user, **sent},
    )


def _read_checked(path: Path) -> list[Row]:
    rows: list[Row] = []
    totals: tuple[int, tuple[Decimal, ...]] | None = None
    for where, cells in _lines(path):
        if totals is not None:
            raise Invalid("there is a row after the totals", field=where)
        amounts = tuple(
            _read_amount(cell, f"{where}, {name}") for name, cell in zip(_AMOUNTS, cells[1:], strict=True)
        )
        if cells[0].startswith("total:"):
            totals = (_read_whole(cells[0].removeprefix("total:"), f"{where}, user_id"), amounts)
        else:
            rows.append(Row(_read_whole(cells[0], f"{where}, user_id"), amounts))
    _check_totals(rows, totals)
    _check_users(rows)
    return rows


def _lines(path: Path) -> Iterator[tuple[str, list[str]]]:
    try:
        # Spreadsheets begin a file with a byte order mark.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            if next(reader, None) != _HEADER:
                raise Invalid(f"the header must be {','.join(_HEADER)}", field="row 1")
            for cells in reader:
                where = f"row {reader.line_num}"
                if not cells:  # a blank line, as editors leave one at the end
                    continue
                if len(cells) != len(_HEADER):
                    raise Invalid(f"{len(cells)} columns instead of {len(_HEADER)}", field=where)
                yield where, cells
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Invalid(f"{path} cannot be read: {error}", field="file") from error


def _read_amount(cell: str, where: str) -> Decimal:
    try:
        return _amount.validate_python(cell)
    except ValidationError as error:
        raise Invalid(first_contract_error(error).message, field=where) from None


def _read_whole(cell: str, where: str) -> int:
    if not (cell.isascii() and cell.isdigit() and len(cell) < 19):
        raise Invalid("must be a whole number", field=where)
    return int(cell)


def _check_totals(rows: Iterable[Row], totals: tuple[int, tuple[Decimal, ...]] | None) -> None:
    if totals is None:
        raise Invalid("the last row must be the control totals: total:<number of users>", field="file")
    count, sums = totals
    found = list(rows)
    if count != len(found):
        raise Invalid(f"the totals say {count} users, but the file has {len(found)}", field="user_id")
    for number, (name, total) in enumerate(zip(_AMOUNTS, sums, strict=True)):
        summed = sum((row.amounts[number] for row in found), ZERO)
        if summed != total:
            raise Invalid(f"the totals say {text(total)}, but the rows add up to {text(summed)}", field=name)


def _check_users(rows: Iterable[Row]) -> None:
    seen: set[int] = set()
    for row in rows:
        if row.user in seen:
            raise Invalid(f"user {row.user} occurs twice", field="user_id")
        seen.add(row.user)
    with connection.cursor() as cursor:
        cursor.execute(
            """select asked from unnest(%s::bigint[]) asked
               where not exists (select from models_user where id = asked) order by asked limit 1""",
            [list(seen)],
        )
        unknown = cursor.fetchone()
    if unknown is not None:
        raise Invalid(f"user {unknown[0]} does not exist", field="user_id")

"""The fast ways in, which Django does not know: COPY of rows in PostgreSQL's text format, rows as values.

# Note [Few rows]
COPY is two messages of its own: one to begin it, one with the rows. A thread that waits for an answer has to
get the interpreter back from the others each time, which costs a web server more than all that the database
does for one operation. So a few rows go as one INSERT, which needs no answer and travels with the others of
its batch (`events.pipeline`); more are faster copied. Both are made of the same lines.

# Note [Errors as Django's]
Django gives its own errors for psycopg2's where it runs the statement. Here psycopg2 does, so that its errors
have to be given Django's classes: whoever looks after a database that went away catches only those.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain, islice
from typing import Any, Final

from django.db import DatabaseError, connection
from psycopg2 import extras

from events.pipeline import send_later

NULL = r"\N"
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED: Final = {"t": "\t", "n": "\n", "r": "\r"}
_FEW: Final = 8
"""How many rows are no more than a few."""
_LINES: Final = 256
"""How many lines are handed to the driver at once: with fewer, the two wake each other up too often."""


def escaped(value: str) -> str:
    """A text as COPY's text format wants it."""
    if "\\" in value:
        value = value.replace("\\", "\\\\")
    if "\t" in value or "\n" in value or "\r" in value:
        value = value.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return value


@lru_cache(maxsize=1 << 13)
def moment(at: datetime) -> str:
    """A time as COPY wants it. Kept for a while, because each is written more than once."""
    return at.isoformat()


def write_rows(cursor: Any, table: str, columns: Sequence[str], rows: Iterable[str]) -> None:
    """Write rows, each already a line of COPY's text format without its line end; nothing if there are none.

    Note [Few rows]. Of many, the server works on the first while the next are made. What making them raises
    ends the statement, and is raised from here. No other statement can run meanwhile.
    """
    rows = iter(rows)
    first = list(islice(rows, _FEW + 1))
    if len(first) <= _FEW:
        if first:
            values = ", ".join(map(_values, first))
            send_later(cursor, f"insert into {table} ({', '.join(columns)}) values {values}")  # noqa: S608
        return
    lines = _Lines(chain(first, rows))
    try:
        with connection.wrap_database_errors:
            cursor.copy_expert(f"copy {table} ({', '.join(columns)}) from stdin", lines)
    except DatabaseError:
        if lines.error is not None:
            raise lines.error from None
        raise


def _values(line: str) -> str:
    return "(" + ", ".join([_literal(field) for field in line.split("\t")]) + ")"


def _literal(field: str) -> str:
    """A column of COPY's text format in SQL, whatever is in it."""
    if field == NULL:
        return "null"
    if "\\" not in field:
        return "'" + field.replace("'", "''") + "'"
    meant = _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), field)
    return "e'" + meant.replace("\\", "\\\\").replace("'", "''") + "'"


class _Lines:
    """Lines as the file that the driver reads from."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.error: BaseException | None = None
        """Why there are no more: the driver lets go of what is raised, and tells the server only its text."""

    def read(self, _size: int) -> bytes:
        try:
            some = list(islice(self._lines, _LINES))
        except BaseException as error:
            self.error = error
            raise
        return ("\n".join(some) + "\n").encode() if some else b""


def execute_values(
    cursor: Any, statement: str, rows: Sequence[tuple[Any, ...]], *, fetch: bool = False
) -> list[tuple[Any, ...]]:
    """Run a statement whose one `%s` stands for all rows as values; with `fetch`, what it returns."""
    with connection.wrap_database_errors:
        return extras.execute_values(cursor.cursor, statement, rows, fetch=fetch) or []

"""Fast writes that Django does not offer: COPY in PostgreSQL's text format, and INSERT of a few rows.

# Note [Few rows]
COPY takes two messages: one to begin it, one with the rows. After each answer a thread has to get the
interpreter back from other threads, which costs a web server more than the database's work for one operation.
So a few rows are sent as one INSERT, which needs no answer and is sent with the other statements of its batch
(`events.pipeline`); for more rows COPY is faster. Both are made from the same lines.

# Note [Errors as Django's]
Django translates psycopg2's errors when it runs a statement. Here psycopg2 runs it, so its errors are
translated to Django's classes, because callers that handle a lost database catch only those.
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
"""Up to this many rows are inserted; more are copied."""
_LINES: Final = 256
"""Number of lines passed to the driver at once. With fewer, client and server wake each other too often."""


def escaped(value: str) -> str:
    """Return a text escaped for COPY's text format."""
    if "\\" in value:
        value = value.replace("\\", "\\\\")
    if "\t" in value or "\n" in value or "\r" in value:
        value = value.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return value


@lru_cache(maxsize=1 << 13)
def moment(at: datetime) -> str:
    """Return a time for COPY. Cached, because each is written more than once."""
    return at.isoformat()


def write_rows(cursor: Any, table: str, columns: Sequence[str], rows: Iterable[str]) -> None:
    """Write rows, each a line of COPY's text format without its line end. Nothing is sent if there are none.

    Few rows are inserted: Note [Few rows]. Many are copied: the server reads the first while the next are
    made, and no other statement can run meanwhile. An error while making a row ends the statement, and is
    raised.
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
    """Return a column of COPY's text format as an SQL literal."""
    if field == NULL:
        return "null"
    if "\\" not in field:
        return "'" + field.replace("'", "''") + "'"
    meant = _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), field)
    return "e'" + meant.replace("\\", "\\\\").replace("'", "''") + "'"


class _Lines:
    """A file of lines for the driver to read."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.error: BaseException | None = None
        """The error that ended the lines. The driver drops it, and sends only its text to the server."""

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
    """Run a statement whose single `%s` is replaced by all rows as values; with `fetch`, return its rows."""
    with connection.wrap_database_errors:
        return extras.execute_values(cursor.cursor, statement, rows, fetch=fetch) or []

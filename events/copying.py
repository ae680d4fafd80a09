"""The fast ways in, which Django does not know: COPY of rows in PostgreSQL's text format, rows as values.

# Note [Errors as Django's]
Django gives its own errors for psycopg2's where it runs the statement. Here psycopg2 does, so that its errors
have to be given Django's classes: whoever looks after a database that went away catches only those.
"""

import io
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from psycopg2 import extras

NULL = r"\N"
_CHUNK = 1 << 18  # bytes handed to the driver at once


def escaped(value: str) -> str:
    """A text as COPY's text format wants it."""
    if "\\" in value:
        value = value.replace("\\", "\\\\")
    if "\t" in value or "\n" in value or "\r" in value:
        value = value.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return value


def copy_rows(cursor: Any, table: str, columns: Sequence[str], rows: Iterable[str]) -> None:
    """Write rows, each already a line of COPY's text format without its line end."""
    lines = "\n".join(rows)
    if lines:
        with connection.wrap_database_errors:
            cursor.copy_expert(
                f"copy {table} ({', '.join(columns)}) from stdin", io.BytesIO((lines + "\n").encode()), _CHUNK
            )


def execute_values(
    cursor: Any, statement: str, rows: Sequence[tuple[Any, ...]], *, fetch: bool = False
) -> list[tuple[Any, ...]]:
    """Run a statement whose one `%s` stands for all rows as values; with `fetch`, what it returns."""
    with connection.wrap_database_errors:
        return extras.execute_values(cursor.cursor, statement, rows, fetch=fetch) or []

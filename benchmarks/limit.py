"""The limit: COPY of the rows that the engine wrote, byte for byte, into tables with the same indexes."""

import io
import time
from typing import Any, Final

from benchmarks.crew import Span, start_line

_TABLES: Final = ("events_event", "models_operation", "models_entry")


def make_tables(owner_url: str) -> None:
    """Tables like the ledger's, with its indexes and checks and without its triggers; empty."""
    with _connected(owner_url) as cursor:
        for table in _TABLES:
            cursor.execute(f"drop table if exists bench_{table}")
            cursor.execute(f"create table bench_{table} (like {table} including all)")


def drop_tables(owner_url: str) -> None:
    with _connected(owner_url) as cursor:
        for table in _TABLES:
            cursor.execute(f"drop table if exists bench_{table}")


def last_position(owner_url: str) -> int:
    with _connected(owner_url) as cursor:
        cursor.execute("select max(position) from events_event")
        found: int = cursor.fetchone()[0]
    return found


def copy_batches(work: tuple[str, int, int, int]) -> Span:
    """COPY the operations of positions after `first` up to `last`, so many a transaction."""
    owner_url, first, last, size = work
    import psycopg2

    connection = psycopg2.connect(owner_url)
    with connection, connection.cursor() as cursor:
        batches = [
            [(table, _rows(cursor, table, start, min(start + size, last))) for table in _TABLES]
            for start in range(first, last, size)
        ]
    started = start_line()
    for batch in batches:
        with connection, connection.cursor() as cursor:
            for table, rows in batch:
                cursor.copy_expert(f"copy bench_{table} from stdin", rows)
    ended = time.monotonic()
    connection.close()
    return Span(operations=last - first, started=started, ended=ended)


def _rows(cursor: Any, table: str, after: int, upto: int) -> io.StringIO:
    rows = io.StringIO()
    query = f"select * from {table} where position > {after} and position <= {upto} order by position"  # noqa: S608
    cursor.copy_expert(f"copy ({query}) to stdout", rows)
    rows.seek(0)
    return rows


class _connected:  # noqa: N801 (used as a function)
    """A cursor of the owner of the tables, which commits at the end."""

    def __init__(self, url: str) -> None:
        import psycopg2

        self._connection = psycopg2.connect(url)

    def __enter__(self) -> Any:
        return self._connection.cursor()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self._connection.commit()
        self._connection.close()

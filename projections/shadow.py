"""Temporary tables named like a projection's tables, into which the log is replayed.

# Note [Shadows]
A temporary table hides the real table of the same name from every statement of its connection that names
no schema, and `Projection.apply` names none. So one code path updates, rebuilds and verifies a projection; it
needs no privilege on the schema, and leaves nothing behind when the connection ends.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.db import connection

from projections.projection import Projection, Table


@contextmanager
def shadow_tables(projections: Sequence[Projection]) -> Iterator[None]:
    """Hide the projections' tables behind empty temporary tables until the block ends."""
    tables = [table for projection in projections for table in projection.tables]
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(
                f"""create temporary table {table.name}
                    (like {real_name(cursor, table)} including defaults including identity)""",
            )
            cursor.execute(f"create unique index on pg_temp.{table.name} ({quoted(table.key)})")
    try:
        yield
    finally:
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                for table in tables:
                    cursor.execute(f"drop table if exists pg_temp.{table.name}")


def real_name(cursor: Any, table: Table) -> str:
    """Return the schema-qualified name of the real table, which its shadow does not hide."""
    cursor.execute("select quote_ident(current_schema())")
    return f"{cursor.fetchone()[0]}.{table.name}"


class Swapped(NamedTuple):
    """Numbers of rows that a swap deleted and inserted: none where the table was right."""

    deleted: int
    inserted: int


def swap(cursor: Any, table: Table, *, only: str = "true", parameters: Sequence[Any] = ()) -> Swapped:
    """Make the real table equal to its shadow, in the caller's transaction.

    Only rows that differ are written, so readers see one state or the other and the table does not bloat.
    `only` restricts the swap to some of the rows.
    """
    real, names = real_name(cursor, table), (*table.key, *table.columns)
    scope = f"{table.only} and {only}"
    deleted = 0
    if not table.append_only:
        same = f"({quoted(table.columns, 's.')}) is not distinct from ({quoted(table.columns, 'r.')})"
        cursor.execute(
            f"""delete from {real} r where {scope} and not exists (
                    select from pg_temp.{table.name} s
                    where {same_key(table, "s", "r")} and {same})""",  # noqa: S608 (names that the code gives)
            parameters,
        )
        deleted = cursor.rowcount
    cursor.execute(
        f"""insert into {real} ({quoted(names)})
            select {quoted(names)} from pg_temp.{table.name} r
            where {scope} and {table.living}
              and not exists (select from {real} t where {same_key(table, "t", "r")})""",  # noqa: S608
        parameters,
    )
    return Swapped(deleted, cursor.rowcount)


def quoted(names: Sequence[str], prefix: str = "") -> str:
    """Return column names for a statement, each with a prefix."""
    return ", ".join(f'{prefix}"{name}"' for name in names)


def same_key(table: Table, left: str, right: str) -> str:
    """Return the SQL condition that two rows of a table have the same key."""
    return " and ".join(f'{left}."{name}" = {right}."{name}"' for name in table.key)

"""Temporary tables of a projection's names, to replay the log into beside the real ones.

# Note [Shadows]
A temporary table hides the real one of its name from every statement of the connection that does
not name a schema, and `Projection.apply` names none. So the one code path that keeps a projection
also rebuilds and checks it, needs no right on the schema, and writes nothing that outlives the
connection.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection

from projections.projection import Projection, Table


@contextmanager
def shadow_tables(projections: Sequence[Projection]) -> Iterator[None]:
    """Empty temporary tables in the place of the projections' tables, until the block ends."""
    tables = [table for projection in projections for table in projection.tables]
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(
                f"create temporary table {table.name} (like {real_name(cursor, table)} including all)",
            )
    try:
        yield
    finally:
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                for table in tables:
                    cursor.execute(f"drop table if exists pg_temp.{table.name}")


def real_name(cursor: Any, table: Table) -> str:
    """The name of the real table, with its schema: it stays visible beside its shadow."""
    cursor.execute("select quote_ident(current_schema())")
    return f"{cursor.fetchone()[0]}.{table.name}"


def quoted(names: Sequence[str], prefix: str = "") -> str:
    """Column names for a statement, each behind a prefix."""
    return ", ".join(f'{prefix}"{name}"' for name in names)


def same_key(table: Table, left: str, right: str) -> str:
    """The SQL condition that two rows of a table have the same key."""
    return " and ".join(f'{left}."{name}" = {right}."{name}"' for name in table.key)

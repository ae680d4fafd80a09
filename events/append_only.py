"""Triggers that make a table append-only. Cited by the migrations of `events` and `ledger`."""

from pathlib import Path
from typing import Final

APPEND_ONLY: Final = "LG001"
"""The SQLSTATE of a refused change."""

FUNCTION_SQL: Final = (Path(__file__).parent / "sql" / "append_only.sql").read_text()


def protect(table: str, *, rows: bool = True) -> str:
    """Return the SQL that refuses TRUNCATE and, with `rows`, UPDATE and DELETE on a table."""
    truncate = (
        f"create trigger append_only_truncate before truncate on {table} "
        "for each statement execute function events_refuse_change();"
    )
    if not rows:
        return truncate
    return (
        f"create trigger append_only_rows before update or delete on {table} "
        f"for each row execute function events_refuse_change(); {truncate}"
    )


def unprotect(table: str) -> str:
    """Return the SQL that drops the triggers of `protect`, for migrating backwards."""
    return (
        f"drop trigger if exists append_only_rows on {table}; "
        f"drop trigger if exists append_only_truncate on {table};"
    )

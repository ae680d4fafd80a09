"""Asynchronous projections: tables that follow from the log, and the way events change them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from events.message import StoredEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of a projection, with the columns that follow from the log.

    `key` identifies a row, and `columns` are the other columns that the log decides (no serial numbers).
    `only` is an SQL
    condition that selects the projection's rows in a shared table; `living` is a condition on a row `r` that
    its references still exist. Rows are never deleted from a table that is `append_only`.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    only: str = "true"
    living: str = "true"
    append_only: bool = False


class Projection(Protocol):
    """A read model. Its checkpoint has the projection's name and commits with its rows.

    # Note [One replay]
    `apply` receives settled events in order, each exactly once, in chunks of any size. It names its tables
    without a schema, so that a rebuild and `verify` can run it over temporary tables of the same names.
    The rows after a replay must not depend on where chunks end.
    """

    name: ClassVar[str]
    tables: ClassVar[Sequence[Table]]

    def apply(self, cursor: Any, events: Sequence[StoredEvent]) -> None:
        """Apply the events to the tables, in a fixed number of statements."""

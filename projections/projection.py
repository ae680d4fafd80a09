"""What an asynchronous projection is: tables that follow from the log, and how events change them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from events.message import StoredEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that a projection owns, as far as it follows from the log.

    `key` finds a row again, and `columns` are the others that the log decides: no serial number is
    among them. `only` is an SQL condition on the rows that are the projection's, where others share
    the table; `living` is one on a row `r` whose references must still be there. From a table that is
    `append_only` nothing is ever taken out.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    only: str = "true"
    living: str = "true"
    append_only: bool = False


class Projection(Protocol):
    """A read model. Its checkpoint has the projection's name and is committed with its rows.

    # Note [One replay]
    `apply` gets settled events in order, each exactly once, in chunks of any size, and names its
    tables without a schema: a rebuild and `verify` run it over temporary tables of the same names.
    The rows after a replay must not depend on where the chunks ended.
    """

    name: ClassVar[str]
    tables: ClassVar[Sequence[Table]]

    def apply(self, cursor: Any, events: Sequence[StoredEvent]) -> None:
        """Change the tables by what the events say, in few statements whatever their number."""

"""Statements that are cheap to send: planned once per connection, and several in one message.

Prepared statements, pipelining and COPY are done here and in `events.copying` by hand, because psycopg2 is
required; psycopg 3 has all three.

# Note [Planned once]
Parsing and planning a statement costs the database several times the work of a small batch. A `Statement` is
prepared once per connection, under its name, and then only executed. If the transaction asks for it
(`plan_cache_mode`), the plan is generic: it ignores parameters, so it is made once and serves one row as well
as thousands. The first plan is made with sequential scans disabled, because tables may be empty then and full
a moment later. The database plans again by itself after a table was analyzed or altered.

# Note [Sent together]
A statement without a result (a lock, an update) waits on the `Pipeline` for the next one with a result, and
is sent with it. The order is kept: everything run on a pipeline runs after what waits there. In READ
COMMITTED each statement has its own snapshot, even within one message, so a read after a lock sees what was
committed when the lock was acquired. What still waits at the end is sent before the commit, or dropped if the
transaction fails.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self
from weakref import WeakKeyDictionary

_prepared: Final[WeakKeyDictionary[Any, set[str]]] = WeakKeyDictionary()
"""The prepared names of each psycopg2 connection."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A named statement; `text` has the parameters `$1`, `$2`, …, each cast to its type."""

    name: str
    text: str


def query(cursor: Any, statement: Statement | str, *values: Any) -> list[tuple[Any, ...]]:
    """Run a prepared statement, or plain SQL with `%s`, and return its rows."""
    cursor.execute(*_call(cursor, statement, values))
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def send_later(cursor: Any, statement: Statement | str, *values: Any) -> None:
    """Run a statement without a result; on a `Pipeline`, send it with the next statement."""
    send = cursor.later if isinstance(cursor, Pipeline) else cursor.execute
    send(*_call(cursor, statement, values))


def execute(cursor: Any, statement: Statement, *values: Any) -> int:
    """Run a statement that writes, and return the number of rows."""
    cursor.execute(*_call(cursor, statement, values))
    return int(cursor.rowcount)


class Pipeline:
    """A cursor on which statements without a result may wait: Note [Sent together]."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._waiting: list[str] = []
        self._values: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.flush()

    def later(self, statement: str, values: Any = None) -> None:
        """Send a statement with the next one."""
        # Without parameters, a percent sign is literal.
        self._waiting.append(statement if values else statement.replace("%", "%%"))
        self._values += values or ()

    def execute(self, statement: str, values: Any = None) -> None:
        """Send the waiting statements and this one, whose rows can be fetched."""
        if self._waiting:
            self.later(statement, values)
            self.flush()
        else:
            self._cursor.execute(statement, values)

    def flush(self) -> None:
        """Send the waiting statements."""
        if self._waiting:
            statement, values = "; ".join(self._waiting), self._values
            self._waiting, self._values = [], []
            self._cursor.execute(statement, values)

    def fetchall(self) -> Any:
        """Return the rows of the last statement."""
        return self._cursor.fetchall()

    def fetchone(self) -> Any:
        """Return a row of the last statement."""
        return self._cursor.fetchone()

    @property
    def connection(self) -> Any:
        """The driver's connection."""
        return self._cursor.connection

    @property
    def rowcount(self) -> int:
        """The number of rows of the last statement."""
        return int(self._cursor.rowcount)

    def __getattr__(self, name: str) -> Any:
        # COPY and the driver's own cursor must run after the waiting statements.
        self.flush()
        return getattr(self._cursor, name)


def _call(cursor: Any, statement: Statement | str, values: tuple[Any, ...]) -> tuple[str, Any]:
    if isinstance(statement, str):
        return statement, values or None
    known = _prepared.setdefault(cursor.connection, set())
    if statement.name not in known:
        # Sent alone: if it failed together with others, it would be unclear whether it was prepared.
        cursor.execute(f"prepare {statement.name} as {statement.text}")
        known.add(statement.name)
        planned = _executing(statement, ["null"] * len(values))
        cursor.execute(
            f"set local enable_seqscan = off; explain {planned}; set local enable_seqscan = default"
        )
    return _executing(statement, ["%s"] * len(values)), values or None


def _executing(statement: Statement, values: list[str]) -> str:
    return f"execute {statement.name}({', '.join(values)})" if values else f"execute {statement.name}"

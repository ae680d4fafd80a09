"""Statements that cost little to send: planned once for each connection, several in one message.

# Note [Planned once]
To parse and plan a statement costs the database several times what a small batch has it do. A `Statement`
is prepared once for each connection, under its name, and then only executed. Where a transaction asks for it
(`plan_cache_mode`), its plan is generic: it looks into no parameter, so that it is made once and is the same
for one row and for thousands. The first plan is made as if no table could be scanned, because they may all
be empty then and full a moment later. The database makes the next by itself, after a table was analyzed or
changed.

# Note [Sent together]
A statement that has no answer (a lock, an update) waits on the `Pipeline` for the next one that has, and
travels with it. Nothing overtakes it: whatever is run on a pipeline runs after what waits there. In READ
COMMITTED each of them has a snapshot of its own, also within one message, so that what is read behind a
lock is what was committed when it was got. What still waits at the end is sent before the commit, and is
forgotten with everything else where the transaction fails.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self
from weakref import WeakKeyDictionary

_prepared: Final[WeakKeyDictionary[Any, set[str]]] = WeakKeyDictionary()
"""Per connection of psycopg2's the names that it knows."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement under a name of its own; `text` has `$1`, `$2`, …, each cast to its type."""

    name: str
    text: str


def query(cursor: Any, statement: Statement | str, *values: Any) -> list[tuple[Any, ...]]:
    """Run a statement, planned once or plain with `%s`: its rows."""
    cursor.execute(*_call(cursor, statement, values))
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def send_later(cursor: Any, statement: Statement | str, *values: Any) -> None:
    """Run a statement whose answer nobody wants: on a `Pipeline` together with what comes next."""
    send = cursor.later if isinstance(cursor, Pipeline) else cursor.execute
    send(*_call(cursor, statement, values))


def execute(cursor: Any, statement: Statement, *values: Any) -> int:
    """Run a statement that writes: how many rows."""
    cursor.execute(*_call(cursor, statement, values))
    return int(cursor.rowcount)


class Pipeline:
    """A cursor on which statements without an answer may wait: Note [Sent together]."""

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
        """Send it with what comes next."""
        # Where nothing is filled in, a percent sign is a percent sign.
        self._waiting.append(statement if values else statement.replace("%", "%%"))
        self._values += values or ()

    def execute(self, statement: str, values: Any = None) -> None:
        """Send what waits, and this: what is fetched is this one's."""
        if self._waiting:
            self.later(statement, values)
            self.flush()
        else:
            self._cursor.execute(statement, values)

    def flush(self) -> None:
        """Send what waits."""
        if self._waiting:
            statement, values = "; ".join(self._waiting), self._values
            self._waiting, self._values = [], []
            self._cursor.execute(statement, values)

    def fetchall(self) -> Any:
        """The rows of what was executed last."""
        return self._cursor.fetchall()

    def fetchone(self) -> Any:
        """A row of what was executed last."""
        return self._cursor.fetchone()

    @property
    def connection(self) -> Any:
        """The driver's connection."""
        return self._cursor.connection

    @property
    def rowcount(self) -> int:
        """The number of rows of what was executed last."""
        return int(self._cursor.rowcount)

    def __getattr__(self, name: str) -> Any:
        # COPY, say, or the driver's own cursor: nothing of them may come before what waits.
        self.flush()
        return getattr(self._cursor, name)


def _call(cursor: Any, statement: Statement | str, values: tuple[Any, ...]) -> tuple[str, Any]:
    if isinstance(statement, str):
        return statement, values or None
    known = _prepared.setdefault(cursor.connection, set())
    if statement.name not in known:
        # By itself: were it to fail among others, nobody would know whether it was prepared.
        cursor.execute(f"prepare {statement.name} as {statement.text}")
        known.add(statement.name)
        planned = _executing(statement, ["null"] * len(values))
        cursor.execute(
            f"set local enable_seqscan = off; explain {planned}; set local enable_seqscan = default"
        )
    return _executing(statement, ["%s"] * len(values)), values or None


def _executing(statement: Statement, values: list[str]) -> str:
    return f"execute {statement.name}({', '.join(values)})" if values else f"execute {statement.name}"

"""The state of every account as the log leaves it, with the memory of a bounded number of them."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

from events.message import StoredEvent
from ledger.domain.chart import PLATFORM_IDS, user_account
from ledger.domain.money import ZERO, text

# Balance, held, version, position, recorded_at, credit limit.
_Row: TypeAlias = tuple[str, str, int, int, str | None, str | None]

_IN_MEMORY: Final = 200_000


class State:
    """What an account has after the last event that named it."""

    __slots__ = (
        "balance",
        "credit_limit",
        "held",
        "position",
        "recorded_at",
        "stated",
        "version",
    )

    def __init__(self) -> None:
        self.balance: Decimal = ZERO
        self.held: Decimal = ZERO
        self.version = 0
        self.position = 0
        """Of the last event that touched it."""
        self.recorded_at: datetime | None = None
        self.credit_limit: str | None = None
        """On a due account: the limit that is this user's own."""
        self.stated: Mapping[str, Any] | None = None
        """Balance, held and version in the words of the last event, as long as it stays in memory."""


_SETTING_ASIDE: Final = (("holds", "eaml"), ("payouts", "usd"))


def set_aside_codes(event: StoredEvent) -> Iterator[str]:
    """The accounts that holds and payouts of an event are on."""
    for name, account in _SETTING_ASIDE:
        for kept in event.data.get(name, {}).values():
            yield user_account(kept["user"], account)


def named_codes(event: StoredEvent) -> Iterator[str]:
    """The accounts of users that an event says something about."""
    data = event.data
    yield from data.get("accounts", ())
    yield from set_aside_codes(event)
    if "credit_limits" in data:
        yield from data["credit_limits"]


def touched_codes(event: StoredEvent) -> set[str]:
    """Those of them that it changed: by a transfer, by what is held, or by a credit limit."""
    data = event.data
    codes = {code for each in data.get("transfers", ()) for code in (each["debit"], each["credit"])}
    codes.update(set_aside_codes(event))
    codes.update(data.get("credit_limits", ()))
    return codes - PLATFORM_IDS.keys()


def follow(event: StoredEvent, states: Mapping[str, State]) -> None:
    """Copy what an event says of accounts. `states` has all that it names."""
    for code, stated in event.data.get("accounts", {}).items():
        state = states[code]
        state.balance, state.held = Decimal(stated["balance"]), Decimal(stated["held"])
        state.version = stated["version"]
    for code, limit in event.data.get("credit_limits", {}).items():
        states[code].credit_limit = limit
    for code in touched_codes(event):
        states[code].position, states[code].recorded_at = event.position, event.recorded_at


class States:
    """States by account code. Those that are not in use go to a temporary file, however many there are."""

    def __init__(self, in_memory: int = _IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._states: dict[str, State] = {}
        self._spilled = 0
        self._file: sqlite3.Connection | None = None

    def use(self, codes: Iterable[str]) -> dict[str, State]:
        """The states of these codes, made where there was none. Valid until the next call."""
        wanted = set(codes)
        if len(self._states) > self._in_memory:
            self._spill(keep=wanted)
        missing = wanted - self._states.keys()
        if missing and self._spilled:
            self._load(missing)
            missing -= self._states.keys()
        for code in missing:
            self._states[code] = State()
        return self._states

    def peek(self, codes: Iterable[str]) -> dict[str, State]:
        """The states of these codes as far as there are any; none is made."""
        wanted = set(codes)
        if self._spilled and (missing := wanted - self._states.keys()):
            self._load(missing)
        return {code: self._states[code] for code in wanted if code in self._states}

    def codes(self, chunk: int = 5000) -> Iterator[list[str]]:
        """Every code, a chunk at a time."""
        if self._states:
            self._spill(keep=set())
        last = ""
        while batch := self._codes_after(last, chunk):
            yield batch
            last = batch[-1]

    def _codes_after(self, last: str, chunk: int) -> list[str]:
        rows = self._open().execute(
            "select code from state where code > ? order by code limit ?",
            (last, chunk),
        )
        return [row[0] for row in rows]

    def _spill(self, *, keep: set[str]) -> None:
        gone = [code for code in self._states if code not in keep]
        self._open().executemany(
            "insert or replace into state values (?, ?, ?, ?, ?, ?, ?)",
            ((code, *_row(self._states[code])) for code in gone),
        )
        for code in gone:
            del self._states[code]
        self._spilled += len(gone)

    def _load(self, codes: Iterable[str]) -> None:
        read = self._open().execute
        for code in codes:
            row = read("select * from state where code = ?", (code,)).fetchone()
            if row is not None:
                self._states[code] = _state(row[1:])

    def _open(self) -> sqlite3.Connection:
        if self._file is None:
            self._file = sqlite3.connect("")  # a file without a name, gone with the connection
            self._file.execute("pragma synchronous = off")
            self._file.execute(
                """create table state (code text primary key, balance text, held text, version integer,
                                       position integer, recorded_at text, credit_limit text)
                   without rowid""",
            )
        return self._file


def _row(state: State) -> _Row:
    recorded_at = None if state.recorded_at is None else state.recorded_at.isoformat()
    return (
        text(state.balance),
        text(state.held),
        state.version,
        state.position,
        recorded_at,
        state.credit_limit,
    )


def _state(row: _Row) -> State:
    state = State()
    state.balance, state.held = Decimal(row[0]), Decimal(row[1])
    state.version, state.position = row[2], row[3]
    state.recorded_at = None if row[4] is None else datetime.fromisoformat(row[4])
    state.credit_limit = row[5]
    return state

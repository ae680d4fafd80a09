"""The state of every account as the log leaves it. Keeps a bounded number of states in memory."""

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
    """The state of an account after the last event that named it."""

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
        """Position of the last event that changed the account."""
        self.recorded_at: datetime | None = None
        self.credit_limit: str | None = None
        """On a due account: the user's own credit limit, if there is one."""
        self.stated: Mapping[str, Any] | None = None
        """Balance, held and version as the last event spells them, while the state stays in memory."""


_SETTING_ASIDE: Final = (("holds", "eaml"), ("payouts", "usd"))


def set_aside_codes(event: StoredEvent) -> Iterator[str]:
    """Return the accounts that the holds and payouts of an event are on."""
    for name, account in _SETTING_ASIDE:
        for kept in event.data.get(name, {}).values():
            yield user_account(kept["user"], account)


def named_codes(event: StoredEvent) -> Iterator[str]:
    """Return the accounts of users that an event names."""
    data = event.data
    yield from data.get("accounts", ())
    yield from set_aside_codes(event)
    if "credit_limits" in data:
        yield from data["credit_limits"]


def touched_codes(event: StoredEvent) -> set[str]:
    """Return the named accounts that the event changed: by a transfer, a hold or payout, or a credit
    limit.
    """
    data = event.data
    codes = {code for each in data.get("transfers", ()) for code in (each["debit"], each["credit"])}
    codes.update(set_aside_codes(event))
    codes.update(data.get("credit_limits", ()))
    return codes - PLATFORM_IDS.keys()


def follow(event: StoredEvent, states: Mapping[str, State]) -> None:
    """Copy the account states of an event into `states`, which holds every account that the event names."""
    for code, stated in event.data.get("accounts", {}).items():
        state = states[code]
        state.balance, state.held = Decimal(stated["balance"]), Decimal(stated["held"])
        state.version = stated["version"]
    for code, limit in event.data.get("credit_limits", {}).items():
        states[code].credit_limit = limit
    for code in touched_codes(event):
        states[code].position, states[code].recorded_at = event.position, event.recorded_at


class States:
    """States by account code. States not in use move to a temporary file, so their number is not limited
    by memory.
    """

    def __init__(self, in_memory: int = _IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._states: dict[str, State] = {}
        self._spilled = 0
        self._file: sqlite3.Connection | None = None

    def use(self, codes: Iterable[str]) -> dict[str, State]:
        """Return the states of these codes, making missing ones. Valid until the next call."""
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
        """Return the existing states of these codes; make none."""
        wanted = set(codes)
        if self._spilled and (missing := wanted - self._states.keys()):
            self._load(missing)
        return {code: self._states[code] for code in wanted if code in self._states}

    def codes(self, chunk: int = 5000) -> Iterator[list[str]]:
        """Yield all codes, one chunk at a time."""
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
            self._file = sqlite3.connect("")  # an unnamed file, which disappears with the connection
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

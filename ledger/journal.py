"""Accounts, operations and entries in the database, set by set, on the caller's cursor."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from events.arrays import numbers
from events.copying import NULL, copy_rows
from events.message import StoredEvent
from ledger.domain.book import Account, Book, BrokenInvariant
from ledger.domain.chart import ESCROW, PLATFORM_IDS, USER_ACCOUNTS, is_escrow
from ledger.domain.decide import OPERATION_TYPES
from ledger.domain.entries import EntryLine, entries
from ledger.domain.money import text

ENTRIES_MAX: Final = 1000
"""Entries an operation may have: an entry's id is its event's position × 1000 + its number."""

_FLAGS: Final = (
    "training",
    "solving",
    "solving_with_api",
    "solving_with_api_market",
    "buy_data_source",
    "machine_copy",
    "machine_copy_update",
    "credit_from_user",
    "pay_a_bill",
)
_FLAG_LINES: Final = {kind: "\t".join("t" if kind == flag else "f" for flag in _FLAGS) for kind in _FLAGS}
_NO_FLAGS: Final = "\t".join("f" for _ in _FLAGS)

_OPERATION_COLUMNS: Final = (
    "id",
    "machine_id",
    "machine_owner_id",
    "operation_user_id",
    *(f"is_{flag}_operation" for flag in _FLAGS),
    "count_of_lines",
    "count_of_training_epoch",
    "credit_id",
    "debit_id",
    "credit_ixioo_id",
    "debit_ixioo_id",
    "kind",
    "position",
    "recorded_machine_id",
    "recorded_machine_owner_id",
    "recorded_operation_user_id",
    "occurred_at",
    "recorded_at",
    "effective_at",
)
_ENTRY_COLUMNS: Final = (
    "id",
    "operation_id",
    "transfer",
    "side",
    "account_id",
    "user_id",
    "currency",
    "amount",
    "balance_after",
    "account_version",
    "position",
    "occurred_at",
    "recorded_at",
    "effective_at",
)
_ACCOUNT_COLUMNS: Final = "code, user_id, normal_side = 'C', id, balance, held, version, credit_limit"


def create_missing_accounts(cursor: Any, users: Sequence[int]) -> None:
    """Give users without accounts all of theirs; none to who is no user any more. `users` ascend.

    A user without accounts has nothing yet that a deletion of his row would have to wait for, so the
    row is locked against it.
    """
    cursor.execute(
        """insert into ledger_account
               (code, kind, user_id, currency, normal_side, balance, held, version, position)
           select 'user:' || asked.id || ':' || made.name, made.kind, asked.id, made.currency, made.side,
                  0, 0, 0, 0
           from models_user asked
           cross join unnest(%s::text[], %s::text[], %s::text[], %s::text[]) with ordinality
               as made(name, kind, currency, side, n)
           where asked.id = any(%s::bigint[])
             and not exists (select from ledger_account a where a.user_id = asked.id)
           order by asked.id, made.n
           for key share of asked
           on conflict do nothing""",
        [
            [account.name for account in USER_ACCOUNTS],
            [account.kind for account in USER_ACCOUNTS],
            [account.currency for account in USER_ACCOUNTS],
            [account.normal_side for account in USER_ACCOUNTS],
            numbers(users),
        ],
    )


def lock_accounts(cursor: Any, users: Sequence[int]) -> list["LockedAccount"]:
    """Lock and read all accounts of the users, user by user in the order of their ids."""
    cursor.execute(
        f"""select {_ACCOUNT_COLUMNS}, recorded_at from ledger_account where user_id = any(%s::bigint[])
            order by user_id, id for no key update""",  # noqa: S608 (fixed names)
        [numbers(users)],
    )
    return [LockedAccount(*row) for row in cursor.fetchall()]


def read_accounts(cursor: Any, users: Iterable[int]) -> list[Account]:
    """The accounts of the users as they stand, without a lock."""
    cursor.execute(
        f"""select {_ACCOUNT_COLUMNS} from ledger_account where user_id = any(%s::bigint[])
            order by user_id, id""",  # noqa: S608
        [numbers(users)],
    )
    return [Account(*row) for row in cursor.fetchall()]


class LockedAccount(Account):
    """An account under its lock, with the time of the last event that touched it."""

    __slots__ = ("recorded_at",)

    def __init__(self, *row: Any) -> None:
        super().__init__(*row[:-1])
        self.recorded_at: datetime | None = row[-1]


def not_before(book: Book, now: datetime) -> datetime:
    """The time of recording: now, and never before an account's last nor in a closed period."""
    locked = (account for account in book.accounts.values() if isinstance(account, LockedAccount))
    times = (book.closed_until, *(account.recorded_at for account in locked))
    return max([now, *(time for time in times if time is not None)])


def write(cursor: Any, events: Sequence[StoredEvent], book: Book) -> None:
    """Write the operations and entries of recorded events, copied from what the events say."""
    ids = PLATFORM_IDS | {code: account.id for code, account in book.accounts.items()}
    operations: list[str] = []
    rows: list[str] = []
    for event in events:
        if event.type in OPERATION_TYPES:
            lines = entries(event.data["transfers"], event.data["accounts"])
            operations.append(operation_row(event, lines))
            rows += entry_rows(event, lines, ids)
    copy_rows(cursor, "models_operation", _OPERATION_COLUMNS, operations)
    copy_rows(cursor, "models_entry", _ENTRY_COLUMNS, rows)


def operation_row(event: StoredEvent, lines: Sequence[EntryLine]) -> str:
    """The row of `models_operation` for an event, as a line of COPY's text format."""
    data, command = event.data, event.data["command"]
    links: dict[tuple[str, str], int] = {}
    for number, line in enumerate(lines):
        # An adjustment's entry stays free to be linked to the operation that it is about.
        if line.version is not None and data["kind"] in _FLAG_LINES:
            links.setdefault((line.side, line.currency), entry_id(event.position, number))
    machine, owner = data.get("machine", command.get("machine")), data.get("machine_owner")
    user = data.get("operation_user", command.get("operation_user"))
    occurred_at = event.occurred_at.isoformat()
    values = (
        event.id,
        machine,
        owner,
        user,
        _FLAG_LINES.get(data["kind"], _NO_FLAGS),
        command.get("count_of_lines"),
        command.get("count_of_training_epoch"),
        links.get(("C", "USD")),
        links.get(("D", "USD")),
        links.get(("C", "EAML")),
        links.get(("D", "EAML")),
        data["kind"],
        event.position,
        machine,
        owner,
        user,
        occurred_at,
        event.recorded_at.isoformat(),
        data.get("effective_at", occurred_at),
    )
    return "\t".join([NULL if value is None else str(value) for value in values])


def entry_rows(event: StoredEvent, lines: Sequence[EntryLine], ids: Mapping[str, int]) -> list[str]:
    """The rows of `models_entry` for an event, as lines of COPY's text format."""
    if len(lines) > ENTRIES_MAX:
        raise BrokenInvariant(f"an operation of {len(lines)} entries")
    occurred_at = event.occurred_at.isoformat()
    effective_at = event.data.get("effective_at", occurred_at)
    tail = f"{event.position}\t{occurred_at}\t{event.recorded_at.isoformat()}\t{effective_at}"
    rows = []
    for number, line in enumerate(lines):
        if line.version is None:
            user, after, version = NULL, NULL, NULL
        else:
            # What is in escrow is nobody's: an entry there is on no user's statement.
            user = NULL if is_escrow(line.account) else line.account.split(":", 2)[1]
            after, version = str(line.balance_after), str(line.version)
        rows.append(
            f"{entry_id(event.position, number)}\t{event.id}\t{line.transfer}\t{line.side}\t"
            f"{ids[line.account]}\t{user}\t{line.currency}\t{line.amount}\t{after}\t{version}\t{tail}"
        )
    return rows


def entry_id(position: int, number: int) -> int:
    """The id of an entry: the same however often the entries are made from the log."""
    return position * ENTRIES_MAX + number


def open_escrows(cursor: Any, accounts: Sequence[Account]) -> None:
    """Write the escrows that are new, under the locks of their clients, and give them their ids."""
    for account in accounts:
        cursor.execute(
            """insert into ledger_account
                   (code, kind, user_id, currency, normal_side, balance, held, version, position)
               values (%s, %s, %s, %s, %s, 0, 0, 0, 0) returning id""",
            [account.code, ESCROW.kind, account.user, ESCROW.currency, ESCROW.normal_side],
        )
        (account.id,) = cursor.fetchone()


def update_accounts(
    cursor: Any,
    accounts: Sequence[Account],
    positions: Mapping[str, int],
    now: datetime,
) -> None:
    """Write each touched account once."""
    if not accounts:
        return
    cursor.execute(
        """update ledger_account a
           set balance = v.balance, held = v.held, version = v.version, position = v.position,
               recorded_at = %s
           from unnest(%s::bigint[], %s::numeric[], %s::numeric[], %s::bigint[], %s::bigint[])
               as v(id, balance, held, version, position)
           where a.id = v.id""",
        [
            now,
            numbers(account.id for account in accounts),
            numbers(text(account.balance) for account in accounts),
            numbers(text(account.held) for account in accounts),
            numbers(account.version for account in accounts),
            numbers(positions[account.code] for account in accounts),
        ],
    )

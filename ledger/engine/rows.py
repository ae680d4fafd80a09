"""Builds the rows of an operation and its entries as lines for COPY. All values are copied from the event."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from events.copying import NULL, moment
from events.message import StoredEvent
from ledger.domain.chart import id_of, is_user_account
from ledger.domain.entries import EntryLine, entries
from ledger.domain.locked_state import BrokenInvariant

ENTRIES_MAX: Final = 1000
"""The entries that an operation may have: an entry's id is its event's position × 1000 + its number."""

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

OPERATION_COLUMNS: Final = (
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
_LINKS: Final = (("C", "USD"), ("D", "USD"), ("C", "EAML"), ("D", "EAML"))
"""Side and currency of the entries that `credit`, `debit`, `credit_ixioo` and `debit_ixioo` link to."""

ENTRY_COLUMNS: Final = (
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


class Times(NamedTuple):
    """An operation's three times, as its rows write them."""

    occurred_at: str
    recorded_at: str
    effective_at: str


class RowSource(NamedTuple):
    """An event with what the rows of its operation are built from."""

    event: StoredEvent
    entries: Sequence[EntryLine]
    times: Times


def row_source(event: StoredEvent) -> RowSource:
    """Return what the rows of an event of `OPERATION_TYPES` are built from."""
    occurred_at = moment(event.occurred_at)
    times = Times(occurred_at, moment(event.recorded_at), event.data.get("effective_at", occurred_at))
    return RowSource(event, entries(event.data["transfers"], event.data["accounts"]), times)


def operation_row(source: RowSource) -> str:
    """Return the row of `models_operation`."""
    event, lines, times = source
    data, command, kind = event.data, event.data["command"], event.data["kind"]
    links: dict[tuple[str, str], int] = {}
    if kind in _FLAG_LINES:
        # An adjustment has no flag: its entry can still be linked to the operation that it is about.
        for number, line in enumerate(lines):
            if line.version is not None:
                links.setdefault((line.side, line.currency), entry_id(event.position, number))
    references = "\t".join(
        [
            _text(data.get("machine", command.get("machine"))),
            _text(data.get("machine_owner")),
            _text(data.get("operation_user", command.get("operation_user"))),
        ]
    )
    linked = "\t".join([_text(links.get(link)) for link in _LINKS])
    return (
        f"{event.id}\t{references}\t{_FLAG_LINES.get(kind, _NO_FLAGS)}\t"
        f"{_text(command.get('count_of_lines'))}\t{_text(command.get('count_of_training_epoch'))}\t{linked}\t{kind}\t{event.position}\t{references}\t"
        f"{times.occurred_at}\t{times.recorded_at}\t{times.effective_at}"
    )


def entry_rows(source: RowSource, ids: Mapping[str, int]) -> list[str]:
    """Return the rows of `models_entry`. `ids` are the ids of accounts by code."""
    event, lines, times = source
    if len(lines) > ENTRIES_MAX:
        raise BrokenInvariant(f"an operation of {len(lines)} entries")
    tail = f"{event.position}\t{times.occurred_at}\t{times.recorded_at}\t{times.effective_at}"
    rows = []
    for number, (transfer, side, account, currency, amount, balance_after, version) in enumerate(lines):
        state = f"{NULL}\t{NULL}" if version is None else f"{balance_after}\t{version}"
        # Money in escrow belongs to no user: its entries are on no statement.
        user = id_of(account) if is_user_account(account) else NULL
        rows.append(
            f"{entry_id(event.position, number)}\t{event.id}\t{transfer}\t{side}\t"
            f"{ids[account]}\t{user}\t{currency}\t{amount}\t{state}\t{tail}"
        )
    return rows


def entry_id(position: int, number: int) -> int:
    """Return the id of an entry. It is the same whenever the entries are built from the log again."""
    return position * ENTRIES_MAX + number


def _text(value: object) -> str:
    return NULL if value is None else str(value)

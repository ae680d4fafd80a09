"""The rows of an operation and its entries, as lines of COPY: copied from what the event says."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from events.copying import NULL, moment
from events.message import StoredEvent
from ledger.domain.chart import id_of, is_user_account
from ledger.domain.entries import EntryLine, entries
from ledger.domain.locked_state import BrokenInvariant

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
"""What `credit`, `debit`, `credit_ixioo` and `debit_ixioo` of an operation link to."""

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
    """When an operation occurred, when it was recorded and when it counts, as its rows write them."""

    occurred_at: str
    recorded_at: str
    effective_at: str


class Record(NamedTuple):
    """Everything that the rows of an operation are made of."""

    event: StoredEvent
    entries: Sequence[EntryLine]
    times: Times


def record_of(event: StoredEvent) -> Record:
    """The record of an event of `OPERATION_TYPES`."""
    occurred_at = moment(event.occurred_at)
    times = Times(occurred_at, moment(event.recorded_at), event.data.get("effective_at", occurred_at))
    return Record(event, entries(event.data["transfers"], event.data["accounts"]), times)


def operation_row(record: Record) -> str:
    """The row of `models_operation`."""
    event, lines, times = record
    data, command, kind = event.data, event.data["command"], event.data["kind"]
    links: dict[tuple[str, str], int] = {}
    if kind in _FLAG_LINES:
        # An adjustment's entry stays free to be linked to the operation that it is about.
        for number, line in enumerate(lines):
            if line.version is not None:
                links.setdefault((line.side, line.currency), entry_id(event.position, number))
    who = "\t".join(
        [
            _text(data.get("machine", command.get("machine"))),
            _text(data.get("machine_owner")),
            _text(data.get("operation_user", command.get("operation_user"))),
        ]
    )
    linked = "\t".join([_text(links.get(link)) for link in _LINKS])
    return (
        f"{event.id}\t{who}\t{_FLAG_LINES.get(kind, _NO_FLAGS)}\t{_text(command.get('count_of_lines'))}\t"
        f"{_text(command.get('count_of_training_epoch'))}\t{linked}\t{kind}\t{event.position}\t{who}\t"
        f"{times.occurred_at}\t{times.recorded_at}\t{times.effective_at}"
    )


def entry_rows(record: Record, ids: Mapping[str, int]) -> list[str]:
    """The rows of `models_entry`. `ids` are the accounts' by code."""
    event, lines, times = record
    if len(lines) > ENTRIES_MAX:
        raise BrokenInvariant(f"an operation of {len(lines)} entries")
    tail = f"{event.position}\t{times.occurred_at}\t{times.recorded_at}\t{times.effective_at}"
    rows = []
    for number, (transfer, side, account, currency, amount, balance_after, version) in enumerate(lines):
        state = f"{NULL}\t{NULL}" if version is None else f"{balance_after}\t{version}"
        # What is in escrow is nobody's: an entry there is on no user's statement.
        user = id_of(account) if is_user_account(account) else NULL
        rows.append(
            f"{entry_id(event.position, number)}\t{event.id}\t{transfer}\t{side}\t"
            f"{ids[account]}\t{user}\t{currency}\t{amount}\t{state}\t{tail}"
        )
    return rows


def entry_id(position: int, number: int) -> int:
    """The id of an entry: the same however often the entries are made from the log."""
    return position * ENTRIES_MAX + number


def _text(value: object) -> str:
    return NULL if value is None else str(value)

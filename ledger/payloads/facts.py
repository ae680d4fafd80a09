"""What happened without a decision: links, closed users, imported rows, control totals."""

from typing import Any, Literal

from ledger.payloads.parts import Amount, Command, Count, Id, Stored, Time, Uuid


class OperationLinked(Stored):
    """Empty links of an operation were filled: the entry's id by the link's name."""

    operation: Uuid
    links: dict[Literal["credit", "debit", "credit_ixioo", "debit_ixioo"], Id]


class UserClosed(Stored):
    """A user with nothing on any account is about to be deleted."""

    user: Id


class LegacyBillingRow(Stored):
    """A row of the older system: its number there, and its columns that are not empty."""

    type: Literal["legacy_billing"]
    id: int
    row: dict[str, Any]


class LegacyBillingImported(Stored):
    """A row of the older system was taken over."""

    command: LegacyBillingRow


class Counted(Stored):
    """How many operations, and the sums of their lines and amounts (USD) where they are known."""

    count: Count
    count_of_lines: Count | None = None
    amount: Amount | None = None


class KindCompared(Stored):
    """Of one kind: what was sent and received, and by which of it they differ."""

    kind: str
    sent: Counted
    received: Counted
    rejected: Count
    missing: Count
    extra: Count
    different: list[Literal["count", "count_of_lines", "amount"]]


class ControlTotalCompared(Stored):
    """A publisher's control total, held against the log.

    Beside it what of the topic was not read yet, waited, and lay open as a dead letter.
    """

    command: Command
    window_start: Time
    window_end: Time
    agrees: bool
    kinds: list[KindCompared]
    not_read: Count
    waiting: Count
    dead_letters: Count

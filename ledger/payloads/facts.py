"""Payloads of facts, which no command led to: links, closed users, imported rows, control totals."""

from typing import Any, Literal

from ledger.payloads.parts import Amount, Command, Count, Id, Stored, Time, Uuid


class OperationLinked(Stored):
    """Empty links of an operation were filled. `links` holds the entry's id by the name of the link."""

    operation: Uuid
    links: dict[Literal["credit", "debit", "credit_ixioo", "debit_ixioo"], Id]


class UserClosed(Stored):
    """A user with nothing left on any account is being deleted."""

    user: Id


class MachineDeleted(Stored):
    """A machine is being deleted. Operations before this event no longer refer to it."""

    machine: Id


class LegacyBillingRow(Stored):
    """A row of the older system: its number there, and its columns except empty ones."""

    type: Literal["legacy_billing"]
    id: int
    row: dict[str, Any]


class LegacyBillingImported(Stored):
    """A row of the older system was imported."""

    command: LegacyBillingRow


class Counted(Stored):
    """A number of operations, with the sums of their lines and amounts (USD) if these are known."""

    count: Count
    count_of_lines: Count | None = None
    amount: Amount | None = None


class KindCompared(Stored):
    """The comparison for one kind of operation. `different` names the figures that do not agree."""

    kind: str
    sent: Counted
    received: Counted
    rejected: Count
    missing: Count
    extra: Count
    different: list[Literal["count", "count_of_lines", "amount"]]


class ControlTotalCompared(Stored):
    """A publisher's control total was compared with the log.

    `not_read`, `waiting` and `dead_letters` count the topic's messages that were unread, waiting for what
    they name, and open as dead letters at the time.
    """

    command: Command
    window_start: Time
    window_end: Time
    agrees: bool
    kinds: list[KindCompared]
    not_read: Count
    waiting: Count
    dead_letters: Count

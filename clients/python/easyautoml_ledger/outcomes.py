"""The payloads that the ledger publishes on ``billing.operations`` and ``billing.balances``.

Fields that are not named here are ignored, so that the ledger can add some. Amounts are
strings with eight decimals in JSON and ``Decimal`` here. ``position`` is the place of the
event in the ledger's one order.
"""

from decimal import Decimal
from typing import Any, Optional

from pydantic import BaseModel, ConfigDict

from .ids import Flag, Id, Total, Uuid
from .money import NonNegativeAmount, PositiveAmount
from .times import AwareDatetime


class Told(BaseModel):
    """What everything that comes out of the ledger shares."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Transfer(Told):
    """``amount`` of ``currency`` (USD or EAML) from the ``debit`` to the ``credit`` account."""

    debit: str
    credit: str
    currency: str
    amount: PositiveAmount


class AccountState(Told):
    """One account after the event. ``version`` grows by one with every entry on it."""

    balance: NonNegativeAmount
    held: NonNegativeAmount
    version: Total

    @property
    def available(self) -> Decimal:
        """What can be spent: ``balance`` less ``held``."""
        return self.balance - self.held


class Rejection(BaseModel):
    """Why nothing was recorded: a stable ``code``, a ``message``, and the code's own details."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)

    code: str
    message: str

    @property
    def details(self) -> dict[str, Any]:
        """The fields that belong to this code only, such as what was needed and available."""
        return dict(self.model_extra or {})


class Outcome(Told):
    """What all events on ``billing.operations`` share.

    ``source`` and ``request_id`` are the CloudEvents source and id of what was asked, or
    the API key's source and the Idempotency-Key; ``command`` is what was asked, as sent.
    ``payer`` is null only where it could not be found out. ``accounts`` has every account
    of every user who was touched, such as ``user:42:usd``; one that was never used is left
    out and means zero.
    """

    position: Total
    kind: str
    command: dict[str, Any]
    payer: Optional[Id] = None
    machine_owner: Optional[Id] = None
    accounts: dict[str, AccountState]
    source: str
    request_id: str
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime
    effective_at: AwareDatetime

    def account(self, name: str) -> AccountState:
        """The account of that name after the event; zero where it was never used."""
        return self.accounts.get(name, _NEVER_USED)


class OperationRecorded(Outcome):
    """The operation stands: these transfers were made, in this order."""

    operation: Uuid
    pricing: Optional[dict[str, Any]] = None
    transfers: tuple[Transfer, ...]


class OperationRejected(Outcome):
    """The operation was decided against; asking again with the same id gives the same answer."""

    operation: Uuid
    pricing: Optional[dict[str, Any]] = None
    rejection: Rejection


class OperationReversed(OperationRecorded):
    """All or part of the operation ``reverses`` was taken back by these transfers.

    ``final`` says that nothing of it is left to reverse.
    """

    reverses: Uuid
    final: Flag


class HoldOutcome(Outcome):
    """What became of a hold. ``amount`` of ``currency`` is what is set aside after the event."""

    hold: Uuid
    currency: str
    amount: NonNegativeAmount


class HoldPlaced(HoldOutcome):
    """The amount is set aside until ``expires_at``: the work may start."""

    expires_at: AwareDatetime
    pricing: Optional[dict[str, Any]] = None


class HoldRefused(HoldOutcome):
    """Nothing was set aside: the work must not start."""

    rejection: Rejection


class HoldCapturedOutcome(HoldOutcome):
    """Work was paid: ``operation`` names what was recorded. A ``final`` capture ends the hold."""

    operation: Uuid
    transfers: tuple[Transfer, ...]
    final: Flag


class HoldVoidedOutcome(HoldOutcome):
    """The publisher gave the hold up; what was left is available again."""


class HoldExpired(HoldOutcome):
    """The hold's time was over; what was left is available again."""


class PayoutOutcome(Outcome):
    """What became of a payout of ``amount`` of ``currency``."""

    payout: Uuid
    currency: str
    amount: PositiveAmount


class PayoutRequestedOutcome(PayoutOutcome):
    """The amount is set aside: the provider may be told to pay it."""


class PayoutPaidOutcome(PayoutOutcome):
    """The amount has left: ``operation`` names what was recorded."""

    operation: Uuid
    transfers: tuple[Transfer, ...]


class PayoutFailedOutcome(PayoutOutcome):
    """The amount is available again."""


class Counted(Told):
    """How many operations, and the sums of their lines and amounts (USD)."""

    count: Total
    count_of_lines: Optional[Total] = None
    amount: Optional[NonNegativeAmount] = None


class KindCompared(Told):
    """Of one kind: what was sent, and what the ledger received of it.

    ``different`` names what differs: ``count``, ``count_of_lines``, ``amount``. What was left
    out of the control total is not compared. ``rejected`` are some of what was received.
    """

    kind: str
    sent: Counted
    received: Counted
    rejected: Total
    missing: Total
    extra: Total
    different: tuple[str, ...]


class ControlTotalCompared(Told):
    """The answer to a control total: all kinds that were sent or received in the window.

    ``not_read``, ``waiting`` and ``dead_letters`` are messages of that topic which had not become
    anything when it was answered: what is missing may be among them. Send the control total
    again with a new id, and it is answered anew.
    """

    position: Total
    source: str
    request_id: str
    recorded_at: AwareDatetime
    window_start: AwareDatetime
    window_end: AwareDatetime
    agrees: Flag
    kinds: tuple[KindCompared, ...]
    not_read: Total
    waiting: Total
    dead_letters: Total


class Funds(Told):
    """One of a user's balances, and how much of it is set aside and can be spent."""

    balance: NonNegativeAmount
    held: NonNegativeAmount
    available: NonNegativeAmount


class Balance(Told):
    """A user's latest balances. ``version`` grows with every change: drop what is lower."""

    user: Id
    version: Total
    usd: Funds
    eaml: Funds
    coupon: Funds
    due_usd: NonNegativeAmount
    due_eaml: NonNegativeAmount
    as_of: AwareDatetime


_ZERO = Decimal("0.00000000")
_NEVER_USED = AccountState(balance=_ZERO, held=_ZERO, version=0)

"""The payloads that the ledger publishes on ``billing.operations`` and ``billing.balances``.

Unknown fields are ignored, so that the ledger can add some. Amounts are strings with eight
decimals in JSON and ``Decimal`` here. ``position`` is the place of the event in the ledger's
global order.
"""

from decimal import Decimal
from typing import Any, Optional

from pydantic import BaseModel, ConfigDict

from .ids import Flag, Id, Total, Uuid
from .message import Message
from .money import NonNegativeAmount, PositiveAmount
from .times import AwareDatetime
from .topics import BILLING_BALANCES, BILLING_OPERATIONS


class LedgerPayload(BaseModel):
    """Base of everything that the ledger publishes."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Transfer(LedgerPayload):
    """A transfer of ``amount`` of ``currency`` (USD or EAML): debits one account and credits another."""

    debit: str
    credit: str
    currency: str
    amount: PositiveAmount


class AccountState(LedgerPayload):
    """An account after the event. ``version`` grows by one with every entry on it."""

    balance: NonNegativeAmount
    held: NonNegativeAmount
    version: Total

    @property
    def available(self) -> Decimal:
        """The amount that can be spent: ``balance`` less ``held``."""
        return self.balance - self.held


class Rejection(BaseModel):
    """The reason of a rejection: a stable ``code``, a ``message``, and the code's own details."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)

    code: str
    message: str

    @property
    def details(self) -> dict[str, Any]:
        """The fields that belong to this code only, such as the amounts needed and available."""
        return dict(self.model_extra or {})


class Outcome(LedgerPayload, Message):
    """Base of all outcomes on ``billing.operations``.

    ``source`` and ``request_id`` are the CloudEvents source and id of the request, or the API
    key's source and the Idempotency-Key; ``command`` is the request as it was sent. ``payer``
    is null only if it is unknown. ``accounts`` has every account, such as ``user:42:usd``, of
    every user concerned; accounts that were never used are left out and are zero.
    """

    topics = (BILLING_OPERATIONS,)

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
        """Return the account of that name after the event; zero if it was never used."""
        return self.accounts.get(name, _NEVER_USED)


class OperationRecorded(Outcome):
    """The operation was recorded with these transfers, in this order."""

    event_type = "com.easyautoml.billing.operation.recorded.v1"

    operation: Uuid
    pricing: Optional[dict[str, Any]] = None
    transfers: tuple[Transfer, ...]


class OperationRejected(Outcome):
    """The operation was rejected. A request with the same id gets the same answer."""

    event_type = "com.easyautoml.billing.operation.rejected.v1"

    operation: Uuid
    pricing: Optional[dict[str, Any]] = None
    rejection: Rejection


class OperationReversed(OperationRecorded):
    """All or part of the operation ``reverses`` was reversed by these transfers.

    ``final`` is true if nothing of it is left to reverse. ``rest`` is the part of a dispute (USD)
    that was more than was left of the payment; nothing is posted for it.
    """

    event_type = "com.easyautoml.billing.operation.reversed.v1"

    reverses: Uuid
    final: Flag
    rest: Optional[PositiveAmount] = None


class HoldOutcome(Outcome):
    """Base of outcomes of a hold. ``amount`` of ``currency`` is set aside after the event."""

    hold: Uuid
    currency: str
    amount: NonNegativeAmount


class HoldPlaced(HoldOutcome):
    """The amount is set aside until ``expires_at``: the work may start."""

    event_type = "com.easyautoml.billing.hold.placed.v1"

    expires_at: AwareDatetime
    pricing: Optional[dict[str, Any]] = None


class HoldRefused(HoldOutcome):
    """Nothing is set aside: the work must not start."""

    event_type = "com.easyautoml.billing.hold.refused.v1"

    rejection: Rejection


class HoldCapturedOutcome(HoldOutcome):
    """Work was paid for by the recorded ``operation``. A ``final`` capture ends the hold."""

    event_type = "com.easyautoml.billing.hold.captured.v1"

    operation: Uuid
    transfers: tuple[Transfer, ...]
    final: Flag


class HoldVoidedOutcome(HoldOutcome):
    """The publisher voided the hold; the rest of it is available again."""

    event_type = "com.easyautoml.billing.hold.voided.v1"


class HoldExpired(HoldOutcome):
    """The hold expired; the rest of it is available again."""

    event_type = "com.easyautoml.billing.hold.expired.v1"


class PayoutOutcome(Outcome):
    """Base of outcomes of a payout of ``amount`` of ``currency``."""

    payout: Uuid
    currency: str
    amount: PositiveAmount


class PayoutRequestedOutcome(PayoutOutcome):
    """The amount is set aside: the payment may be ordered from the provider."""

    event_type = "com.easyautoml.billing.payout.requested.v1"


class PayoutPaidOutcome(PayoutOutcome):
    """The amount was paid out by the recorded ``operation``."""

    event_type = "com.easyautoml.billing.payout.paid.v1"

    operation: Uuid
    transfers: tuple[Transfer, ...]


class PayoutFailedOutcome(PayoutOutcome):
    """The payout failed; the amount is available again."""

    event_type = "com.easyautoml.billing.payout.failed.v1"


class Counted(LedgerPayload):
    """A number of operations, and the sums of their lines and amounts (USD)."""

    count: Total
    count_of_lines: Optional[Total] = None
    amount: Optional[NonNegativeAmount] = None


class KindCompared(LedgerPayload):
    """The totals of one kind as sent and as received by the ledger.

    ``different`` names the totals that differ: ``count``, ``count_of_lines``, ``amount``. Totals
    that the sender left out are not compared. ``rejected`` operations count as received too.
    """

    kind: str
    sent: Counted
    received: Counted
    rejected: Total
    missing: Total
    extra: Total
    different: tuple[str, ...]


class ControlTotalCompared(LedgerPayload, Message):
    """The answer to a control total, with all kinds that were sent or received in the window.

    ``not_read``, ``waiting`` and ``dead_letters`` count the messages of that topic that had no
    outcome yet at that time: missing operations may be among them. To compare again, send the
    control total with a new id.
    """

    event_type = "com.easyautoml.billing.control-total.v1"
    topics = (BILLING_OPERATIONS,)

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


class Funds(LedgerPayload):
    """A balance of a user, with the parts that are held and available."""

    balance: NonNegativeAmount
    held: NonNegativeAmount
    available: NonNegativeAmount


class Balance(LedgerPayload, Message):
    """The latest balances of a user. ``version`` grows with every change: drop lower versions."""

    event_type = "com.easyautoml.billing.balance.v1"
    topics = (BILLING_BALANCES,)

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

"""The kinds of operations, and the command for the nine kinds that services send."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from ledger.domain.payment_references import PaymentName


class Kind(StrEnum):
    """The kind of an operation. The first nine are the flags of `Operation` and the kinds on the wire."""

    TRAINING = "training"
    SOLVING = "solving"
    SOLVING_WITH_API = "solving_with_api"
    SOLVING_WITH_API_MARKET = "solving_with_api_market"
    BUY_DATA_SOURCE = "buy_data_source"
    MACHINE_COPY = "machine_copy"
    MACHINE_COPY_UPDATE = "machine_copy_update"
    CREDIT_FROM_USER = "credit_from_user"
    PAY_A_BILL = "pay_a_bill"
    ADJUSTMENT = "adjustment"
    OPENING_BALANCE = "opening_balance"
    COUPON_GRANT = "coupon_grant"
    COUPON_EXPIRY = "coupon_expiry"
    REVERSAL = "reversal"
    PAYOUT = "payout"
    CHARGEBACK = "chargeback"
    CONSULTING_CONTRACT = "consulting_contract"
    CONSULTING_PAYMENT = "consulting_payment"
    CONSULTING_RETURN = "consulting_return"


COMPUTE: Final = frozenset({Kind.TRAINING, Kind.SOLVING, Kind.SOLVING_WITH_API})
MARKET: Final = frozenset(
    {
        Kind.SOLVING_WITH_API_MARKET,
        Kind.BUY_DATA_SOURCE,
        Kind.MACHINE_COPY,
        Kind.MACHINE_COPY_UPDATE,
    },
)
CONSULTING: Final = frozenset({Kind.CONSULTING_CONTRACT, Kind.CONSULTING_PAYMENT, Kind.CONSULTING_RETURN})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOperation:
    """Record one of the nine operations, as a service reports it.

    `count_of_lines` and `count_of_training_epoch` are counts; `amount` is USD with 8 decimals;
    `unit_price` is what the sender expects one unit to cost, in the currency of the kind.
    """

    kind: Kind
    operation_user: int
    occurred_at: datetime
    machine: int | None = None
    count_of_lines: int | None = None
    count_of_training_epoch: int | None = None
    amount: Decimal | None = None
    unit_price: Decimal | None = None
    hold: UUID | None = None
    payment: PaymentName | None = None
    """The provider's name of the payment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineTerms:
    """A machine's owner, columns, prices and sale flags from `effective_from` on. None: not for sale."""

    machine: int
    effective_from: datetime
    owner: int
    columns: int
    data_source_is_public: bool
    data_source_price: Decimal | None
    api_solving_is_public: bool
    api_solving_price: Decimal | None
    copy_price: Decimal | None
    copy_update_price: Decimal | None

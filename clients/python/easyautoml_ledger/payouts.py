"""Payouts: money paid out to a user, set aside until the payout is paid or has failed.

The publisher chooses the payout's id (a UUID), so that a retry is the same payout. All messages of
one payout have the user's id as their key, so that they stay in order. The ledger answers with
``…billing.payout.requested.v1``, or with ``…billing.operation.rejected.v1`` if the user has too
little. The money must not be sent before.
"""

from typing import Optional

from pydantic import BaseModel, ConfigDict

from .ids import Id, Uuid
from .money import PositiveAmount
from .operations import DEFAULT_PAYMENT_PROVIDER
from .text import Code, PaymentReference, Reason
from .times import AwareDatetime


class PayoutMessage(BaseModel):
    """Base of all messages about a payout."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    payout: Uuid
    occurred_at: Optional[AwareDatetime] = None


class PayoutRequested(PayoutMessage):
    """Set aside ``amount`` USD of ``operation_user``, to be paid out to them."""

    operation_user: Id
    amount: PositiveAmount


class PayoutPaid(PayoutMessage):
    """The provider has paid. Its ``payment_reference`` can be used for one payout only."""

    payment_reference: Optional[PaymentReference] = None
    payment_provider: Code = DEFAULT_PAYMENT_PROVIDER


class PayoutFailed(PayoutMessage):
    """The payout was cancelled or is not possible. The money is available again."""

    reason: Reason

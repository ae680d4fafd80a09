"""Payouts: money of a user that is paid out to him, set aside until it is paid or has failed.

The publisher chooses the payout's id (a UUID), so that a retry is the same payout. All messages of
one payout carry the user's id as their key, so that they keep their order. The ledger answers
with ``…billing.payout.requested.v1``, or with ``…billing.operation.rejected.v1`` where the user
has too little: only then is it known whether the money may be sent.
"""

from typing import Optional

from pydantic import BaseModel, ConfigDict

from .ids import Id, Uuid
from .money import PositiveAmount
from .operations import DEFAULT_PAYMENT_PROVIDER
from .text import Code, PaymentReference, Reason
from .times import AwareDatetime


class PayoutMessage(BaseModel):
    """What all messages of a payout share."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    payout: Uuid
    occurred_at: Optional[AwareDatetime] = None


class PayoutRequested(PayoutMessage):
    """Set ``amount`` USD of ``operation_user`` aside, to be paid out to him."""

    operation_user: Id
    amount: PositiveAmount


class PayoutPaid(PayoutMessage):
    """The provider has paid it. ``payment_reference`` is the provider's, and is used once."""

    payment_reference: Optional[PaymentReference] = None
    payment_provider: Code = DEFAULT_PAYMENT_PROVIDER


class PayoutFailed(PayoutMessage):
    """It will not be paid: cancelled, or not possible. The money is available again."""

    reason: Reason

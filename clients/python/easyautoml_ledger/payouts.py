"""Payouts: money paid out to a user, set aside until the payout is paid or has failed.

The publisher chooses the payout's id (a UUID), so that a retry is the same payout. All messages of
one payout have the user's id as their key, so that they stay in order. The ledger answers with
``…billing.payout.requested.v1``, or with ``…billing.operation.rejected.v1`` if the user has too
little. The money must not be sent before.
"""

from typing import Optional

from typing_extensions import override

from .ids import Id, Uuid
from .message import Incoming
from .money import PositiveAmount
from .operations import DEFAULT_PAYMENT_PROVIDER
from .text import Code, PaymentReference, Reason
from .times import AwareDatetime
from .topics import MARKETPLACE_OPERATIONS


class PayoutMessage(Incoming):
    """Base of all messages about a payout."""

    topics = (MARKETPLACE_OPERATIONS,)
    outcome_kind = "payout"

    payout: Uuid
    occurred_at: Optional[AwareDatetime] = None

    @override
    def default_key(self) -> str:
        raise ValueError("pass key: the key of all messages of a payout is its user's id")


class PayoutRequested(PayoutMessage):
    """Set aside ``amount`` USD of ``operation_user``, to be paid out to them."""

    event_type = "com.easyautoml.payout.requested.v1"

    operation_user: Id
    amount: PositiveAmount

    @override
    def default_key(self) -> str:
        return str(self.operation_user)


class PayoutPaid(PayoutMessage):
    """The provider has paid. Its ``payment_reference`` can be used for one payout only."""

    event_type = "com.easyautoml.payout.paid.v1"

    payment_reference: Optional[PaymentReference] = None
    payment_provider: Code = DEFAULT_PAYMENT_PROVIDER


class PayoutFailed(PayoutMessage):
    """The payout was cancelled or is not possible. The money is available again."""

    event_type = "com.easyautoml.payout.failed.v1"

    reason: Reason

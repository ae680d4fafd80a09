"""Chargebacks: a payment provider takes back money that was paid in, even if it is spent.

The ledger answers with ``…billing.operation.reversed.v1`` of kind ``chargeback``, whose ``rest`` is
what was no longer left to take back, or with ``…rejected.v1`` if nothing was left
(``nothing_left_to_reverse``) or the payment was disputed before (``already_disputed``).
"""

from typing import Optional

from pydantic import model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import Self, override

from .ids import Uuid
from .message import Incoming
from .money import PositiveAmount
from .operations import DEFAULT_PAYMENT_PROVIDER
from .text import Code, PaymentReference, Reason
from .times import AwareDatetime
from .topics import MARKETPLACE_OPERATIONS


class Chargeback(Incoming):
    """The provider takes back ``amount`` USD of a payment; without ``amount``, all that is left of it.

    Names the payment by its ``payment_reference`` at the ``payment_provider`` or by the
    ``operation`` that recorded it.
    """

    event_type = "com.easyautoml.chargeback.v1"
    topics = (MARKETPLACE_OPERATIONS,)
    outcome_kind = "chargeback"

    payment_reference: Optional[PaymentReference] = None
    payment_provider: Code = DEFAULT_PAYMENT_PROVIDER
    operation: Optional[Uuid] = None
    amount: Optional[PositiveAmount] = None
    reason: Reason
    occurred_at: Optional[AwareDatetime] = None

    @override
    def default_key(self) -> str:
        raise ValueError("pass key: the key of a chargeback is the user id of the owner of the money")

    @model_validator(mode="after")
    def _names_one_payment(self) -> Self:
        if (self.payment_reference is None) is (self.operation is None):
            raise PydanticCustomError("invalid_value", "give either payment_reference or operation")
        return self

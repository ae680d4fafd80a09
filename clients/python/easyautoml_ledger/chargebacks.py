"""Chargebacks: money that was paid in, taken back by the provider, spent or not.

The ledger answers with ``…billing.operation.reversed.v1`` of kind ``chargeback``, or with
``…rejected.v1`` where more is taken back than is left of the payment.
"""

from typing import Optional

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import Self

from .ids import Uuid
from .money import PositiveAmount
from .operations import DEFAULT_PAYMENT_PROVIDER
from .text import Code, PaymentReference, Reason
from .times import AwareDatetime


class Chargeback(BaseModel):
    """The provider takes back ``amount`` USD of a payment, or without it all that is left.

    The payment is named either by its ``payment_reference`` at the ``payment_provider`` or by the
    ``operation`` that recorded it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    payment_reference: Optional[PaymentReference] = None
    payment_provider: Code = DEFAULT_PAYMENT_PROVIDER
    operation: Optional[Uuid] = None
    amount: Optional[PositiveAmount] = None
    reason: Reason
    occurred_at: Optional[AwareDatetime] = None

    @model_validator(mode="after")
    def _names_one_payment(self) -> Self:
        if (self.payment_reference is None) is (self.operation is None):
            raise PydanticCustomError(
                "invalid_value", "a chargeback names its payment_reference or its operation"
            )
        return self

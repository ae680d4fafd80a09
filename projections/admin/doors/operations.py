"""Doors of operations: take one back, by our own will or by a payment provider's."""

from datetime import datetime
from typing import Any

from easyautoml_ledger.chargebacks import Chargeback
from easyautoml_ledger.operations import DEFAULT_PAYMENT_PROVIDER
from ledger.api import bodies, submissions
from ledger.commands import Submission
from ledger.operations import chargebacks
from projections.admin.doors.door import Door
from projections.admin.doors.fields import AmountField, ReasonField, TextField, UuidField


class ReverseOperation(Door):
    """Take back all or part of an operation, commission included. Coupons come back as coupons."""

    name = "reverse-operation"
    title = "Reverse an operation"
    permission = "models.add_operation"
    body = bodies.Reversal

    operation = UuidField(help_text="Id.")
    amount = AmountField(
        "", required=False, help_text="In what the payer paid with. Empty: all that is left of it."
    )
    reason = ReasonField()

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As over HTTP."""
        return submissions.reversing(self.read, self.cleaned_data["operation"], now=now, **who)


class ChargeBack(Door):
    """Take back money that was paid in, because its provider did. What is spent of it is due.

    Name the payment by its operation or by the provider's reference.
    """

    name = "charge-back"
    title = "Charge back"
    permission = "models.add_operation"
    body = Chargeback

    operation = UuidField(required=False, help_text="Id.")
    payment_provider = TextField(initial=DEFAULT_PAYMENT_PROVIDER)
    payment_reference = TextField(required=False, help_text="The provider's.")
    amount = AmountField("USD", required=False, help_text="Empty: all that is left of it.")
    reason = ReasonField()

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As over HTTP."""
        return chargebacks.charging_back(self.read, now=now, **who)

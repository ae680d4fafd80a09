"""Doors of operations: take one back."""

from datetime import datetime
from typing import Any

from ledger.api import bodies, submissions
from ledger.commands import Submission
from projections.admin.doors.door import Door
from projections.admin.doors.fields import AmountField, ReasonField, UuidField


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

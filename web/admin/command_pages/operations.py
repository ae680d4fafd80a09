"""Doors of operations: take one back, by our own will or by a payment provider's."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.html import format_html

from easyautoml_ledger.chargebacks import Chargeback
from easyautoml_ledger.operations import DEFAULT_PAYMENT_PROVIDER
from ledger.engine.submission import Submission
from ledger.queries import operations
from ledger.queries.kept import reversed_so_far
from ledger.requests import bodies, by_people, chargebacks
from web.admin.command_pages.command_page import CommandPage
from web.admin.command_pages.fields import AmountField, ReasonField, TextField, UuidField
from web.admin.pages import amount, moment


class _TakesBack(CommandPage):
    """What both share."""

    permission = "models.add_operation"

    @property
    def about(self) -> Iterator[tuple[str, object]]:
        """What was recorded, and what is left of it."""
        operation = self.named("operation")
        found = None if operation is None else operations.find(operation)
        if found is None:
            return
        data = found.event.data
        yield "Kind", data["kind"].replace("_", " ")
        yield "Payer", f"user {data['payer']}"
        yield "Recorded", moment(found.event.recorded_at)
        left, transfers = reversed_so_far(found.event), data["transfers"]
        if left is not None and transfers:
            currency = transfers[0]["currency"]
            yield "Left", format_html("{} of {}", amount(left.left, currency), amount(left.total, currency))


class ReverseOperation(_TakesBack):
    """Take back all or part of an operation, commission included. Coupons come back as coupons."""

    name = "reverse-operation"
    title = "Reverse an operation"
    body = bodies.Reversal

    operation = UuidField(help_text="Id.")
    amount = AmountField(
        "", required=False, help_text="In what the payer paid with. Empty: all that is left of it."
    )
    reason = ReasonField()

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As over HTTP."""
        return by_people.reverse_operation(self.read, self.cleaned_data["operation"], now=now, **who)


class ChargeBack(_TakesBack):
    """Take back money that was paid in, because its provider did. What is spent of it is due.

    Name the payment by its operation or by the provider's reference.
    """

    name = "charge-back"
    title = "Charge back"
    body = Chargeback

    operation = UuidField(required=False, help_text="Id.")
    payment_provider = TextField(initial=DEFAULT_PAYMENT_PROVIDER)
    payment_reference = TextField(required=False, help_text="The provider's.")
    amount = AmountField("USD", required=False, help_text="Empty: all that is left of it.")
    reason = ReasonField()

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As over HTTP."""
        return chargebacks.charge_back(self.read, now=now, **who)

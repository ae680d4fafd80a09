"""Command pages of operations: reverse one, or charge a payment back."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.html import format_html
from typing_extensions import override

from easyautoml_ledger.chargebacks import Chargeback
from easyautoml_ledger.operations import DEFAULT_PAYMENT_PROVIDER
from ledger.engine.submission import Submission
from ledger.queries import operations
from ledger.queries.kept import reversed_so_far
from ledger.requests import bodies, by_people, chargebacks
from web.admin.command_pages.command_page import CommandPage
from web.admin.command_pages.fields import AmountField, ReasonField, TextField, UuidField
from web.admin.formatting import amount, spaced, utc_time


class _ReversalPage(CommandPage):
    """The base of both."""

    permission = "models.add_operation"

    @property
    @override
    def target(self) -> Iterator[tuple[str, object]]:
        operation = self.uuid_in("operation")
        found = None if operation is None else operations.find(operation)
        if found is None:
            return
        data = found.event.data
        yield "Kind", spaced(data["kind"])
        yield "Payer", f"user {data['payer']}"
        yield "Recorded", utc_time(found.event.recorded_at)
        left, transfers = reversed_so_far(found.event), data["transfers"]
        if left is not None and transfers:
            currency = transfers[0]["currency"]
            yield (
                "Left to reverse",
                format_html("{} of {}", amount(left.left, currency), amount(left.total, currency)),
            )


class ReverseOperation(_ReversalPage):
    """Reverse all or part of an operation, including the commission. Coupons are given back as coupons."""

    name = "reverse-operation"
    title = "Reverse an operation"
    body = bodies.Reversal

    operation = UuidField(help_text="ID of the operation.")
    amount = AmountField(
        "",
        required=False,
        help_text="In the currency that the payer paid in. Leave empty to reverse all that is left.",
    )
    reason = ReasonField()

    @override
    def submission(self, *, now: datetime, **context: Any) -> Submission:
        return by_people.reverse_operation(self.parsed, self.cleaned_data["operation"], now=now, **context)


class ChargeBack(_ReversalPage):
    """Take back money that was paid in, because the payment provider has taken it back. The part that the
    user has spent becomes due.

    Identify the payment by its operation or by the provider's reference.
    """

    name = "charge-back"
    title = "Charge back a payment"
    body = Chargeback

    operation = UuidField(required=False, help_text="ID of the operation that recorded the payment.")
    payment_provider = TextField(initial=DEFAULT_PAYMENT_PROVIDER)
    payment_reference = TextField(required=False, help_text="The provider's reference of the payment.")
    amount = AmountField("USD", required=False, help_text="Leave empty to charge back all that is left.")
    reason = ReasonField()

    @override
    def submission(self, *, now: datetime, **context: Any) -> Submission:
        return chargebacks.charge_back(self.parsed, now=now, **context)

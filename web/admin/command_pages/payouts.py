"""Command pages of payouts: request one, mark it as paid, mark it as failed."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from typing_extensions import override

from easyautoml_ledger.operations import DEFAULT_PAYMENT_PROVIDER
from easyautoml_ledger.payouts import PayoutFailed, PayoutPaid, PayoutRequested
from ledger.domain.money import USD
from ledger.engine.submission import Submission
from ledger.queries.kept import find_payout
from ledger.requests import payouts
from web.admin.command_pages.command_page import CommandPage
from web.admin.command_pages.fields import AmountField, ReasonField, TextField, UserField, UuidField
from web.admin.formatting import amount


class RequestPayout(CommandPage):
    """Hold money of a user to be paid out to them.

    A user is paid at most their available balance less what they owe.
    """

    name = "request-payout"
    title = "Request a payout"
    permission = "ledger.add_requestedpayout"
    body = PayoutRequested

    operation_user = UserField()
    amount = AmountField("USD")

    @override
    def body_values(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        """Return the values with the page's key as the payout's id, so that the page requests only one."""
        return {**super().body_values(cleaned), "payout": cleaned.get("key")}

    @override
    def submission(self, *, now: datetime, **context: Any) -> Submission:
        return payouts.request_payout(self.parsed, now=now, **context)


class _PayoutPage(CommandPage):
    """The base of both ends of a payout."""

    permission = "ledger.change_requestedpayout"

    payout = UuidField(help_text="ID of the payout.")

    @property
    @override
    def target(self) -> Iterator[tuple[str, object]]:
        payout = self.uuid_in("payout")
        found = None if payout is None else find_payout(payout)
        if found is not None:
            yield "State", found.state
            yield "User", f"user {found.user}"
            yield "Amount", amount(found.amount, USD)


class ConfirmPayout(_PayoutPage):
    """Record that the payment provider has paid a payout: the money leaves the ledger."""

    name = "confirm-payout"
    title = "Mark a payout as paid"
    body = PayoutPaid

    payment_provider = TextField(initial=DEFAULT_PAYMENT_PROVIDER)
    payment_reference = TextField(
        required=False, help_text="The provider's reference of the payment. Each can be used once."
    )

    @override
    def submission(self, *, now: datetime, **context: Any) -> Submission:
        return payouts.confirm_payout(self.parsed, now=now, **context)


class FailPayout(_PayoutPage):
    """Record that a payout was cancelled or could not be paid: the money is available again."""

    name = "fail-payout"
    title = "Mark a payout as failed"
    body = PayoutFailed

    reason = ReasonField()

    @override
    def submission(self, *, now: datetime, **context: Any) -> Submission:
        return payouts.fail_payout(self.parsed, now=now, **context)

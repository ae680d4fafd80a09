"""Doors of payouts: ask for one, say that it was paid, say that it has failed."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from easyautoml_ledger.operations import DEFAULT_PAYMENT_PROVIDER
from easyautoml_ledger.payouts import PayoutFailed, PayoutPaid, PayoutRequested
from ledger.domain.money import USD
from ledger.engine.submission import Submission
from ledger.queries.kept import find_payout
from ledger.requests import payouts
from web.admin.command_pages.command_page import CommandPage
from web.admin.command_pages.fields import AmountField, ReasonField, TextField, UserField, UuidField
from web.admin.pages import amount


class RequestPayout(CommandPage):
    """Set money of a user aside, to be paid out to him.

    He is paid no more than what is available less what he owes.
    """

    name = "request-payout"
    title = "Request a payout"
    permission = "ledger.add_requestedpayout"
    body = PayoutRequested

    operation_user = UserField()
    amount = AmountField("USD")

    def values(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        """The payout gets the page's key as its id, so that the page makes one."""
        return {**super().values(cleaned), "payout": cleaned.get("key")}

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As over HTTP."""
        return payouts.request_payout(self.read, now=now, **who)


class _OfPayout(CommandPage):
    """What both ends of a payout share."""

    permission = "ledger.change_requestedpayout"

    payout = UuidField(help_text="Id.")

    @property
    def about(self) -> Iterator[tuple[str, object]]:
        """Whose it is, and whether it still waits."""
        payout = self.named("payout")
        found = None if payout is None else find_payout(payout)
        if found is not None:
            yield "State", found.state
            yield "User", f"user {found.user}"
            yield "Amount", amount(found.amount, USD)


class ConfirmPayout(_OfPayout):
    """Say that the provider has paid a payout: the money has left the ledger."""

    name = "confirm-payout"
    title = "Mark a payout as paid"
    body = PayoutPaid

    payment_provider = TextField(initial=DEFAULT_PAYMENT_PROVIDER)
    payment_reference = TextField(required=False, help_text="The provider's. It is used once.")

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As over HTTP."""
        return payouts.confirm_payout(self.read, now=now, **who)


class FailPayout(_OfPayout):
    """Say that a payout will not be paid: cancelled, or not possible. The money is available again."""

    name = "fail-payout"
    title = "Mark a payout as failed"
    body = PayoutFailed

    reason = ReasonField()

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As over HTTP."""
        return payouts.fail_payout(self.read, now=now, **who)

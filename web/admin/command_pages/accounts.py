"""Doors of accounts: how much a user may owe."""

from datetime import datetime
from typing import Any

from ledger.engine.submission import Submission
from ledger.requests import bodies, by_people
from web.admin.command_pages.command_page import CommandPage
from web.admin.command_pages.fields import AmountField, UserField


class SetCreditLimit(CommandPage):
    """How much EAML a user may owe for compute before it is refused."""

    name = "set-credit-limit"
    title = "Set the credit limit"
    permission = "ledger.change_account"
    body = bodies.CreditLimit

    operation_user = UserField()
    limit = AmountField(
        "EAML", label="Limit (EAML)", required=False, help_text="Empty: what the tariff says."
    )

    def values(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        """Empty is a value here."""
        return {"limit": cleaned.get("limit") or None} if "limit" in cleaned else {}

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As over HTTP."""
        return by_people.set_credit_limit(self.read, self.cleaned_data["operation_user"], now=now, **who)

"""The command page of accounts: set a credit limit."""

from datetime import datetime
from typing import Any

from typing_extensions import override

from ledger.engine.submission import Submission
from ledger.requests import bodies, by_people
from web.admin.command_pages.command_page import CommandPage
from web.admin.command_pages.fields import AmountField, UserField


class SetCreditLimit(CommandPage):
    """Limit how much EAML a user may owe for compute. Work that would exceed the limit is rejected."""

    name = "set-credit-limit"
    title = "Set the credit limit"
    permission = "ledger.change_account"
    body = bodies.CreditLimit

    operation_user = UserField()
    limit = AmountField(
        "EAML", label="Limit (EAML)", required=False, help_text="Leave empty to use the limit of the tariff."
    )

    @override
    def body_values(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        """Return the limit, even if it was left empty: None means the limit of the tariff."""
        return {"limit": cleaned.get("limit") or None} if "limit" in cleaned else {}

    @override
    def submission(self, *, now: datetime, **context: Any) -> Submission:
        return by_people.set_credit_limit(
            self.parsed, self.cleaned_data["operation_user"], now=now, **context
        )

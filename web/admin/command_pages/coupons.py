"""Command pages of promotional credit: grant a coupon, create, withdraw or redeem a code."""

from datetime import datetime
from typing import Any

from typing_extensions import override

from ledger.engine.submission import Submission
from ledger.requests import bodies, by_people
from web.admin.command_pages.command_page import CommandPage
from web.admin.command_pages.fields import (
    AmountField,
    ReasonField,
    TextField,
    UserField,
    UtcTimeField,
    WholeNumberField,
)

_PRIORITY_HELP = "Coupons with a lower number are spent first."


class GrantCoupon(CommandPage):
    """Give a user promotional credit. It pays what the user owes the platform, and is never paid out."""

    name = "grant-coupon"
    title = "Grant a coupon"
    permission = "ledger.add_coupongrant"
    body = bodies.Coupon

    operation_user = UserField()
    amount = AmountField("USD")
    expires_at = UtcTimeField(
        label="Expires (UTC)", required=False, help_text="Leave empty for a coupon that never expires."
    )
    priority = WholeNumberField(initial=100, help_text=_PRIORITY_HELP)
    reason = ReasonField()

    @override
    def submission(self, *, now: datetime, **context: Any) -> Submission:
        return by_people.grant_coupon(self.parsed, now=now, **context)


class OfferCode(CommandPage):
    """Create a code that each user may redeem once for promotional credit."""

    name = "offer-code"
    title = "Create a coupon code"
    permission = "ledger.add_couponcode"
    body = bodies.CodeToRedeem

    code = TextField(help_text="3 to 40 capital letters, digits and hyphens, for example WELCOME-2027.")
    amount = AmountField("USD")
    priority = WholeNumberField(initial=100, help_text=_PRIORITY_HELP)
    valid_days = WholeNumberField(
        label="Valid for (days)",
        required=False,
        help_text="Counted from when the code is redeemed. Leave empty for credit that never expires.",
    )
    redeem_until = UtcTimeField(
        label="Redeemable until (UTC)", required=False, help_text="Leave empty for no end date."
    )
    redemptions_max = WholeNumberField(
        label="Maximum number of redemptions",
        required=False,
        help_text="Counted over all users. Leave empty for no limit.",
    )

    @override
    def submission(self, *, now: datetime, **context: Any) -> Submission:
        return by_people.create_code(self.parsed, now=now, **context)


class WithdrawCode(CommandPage):
    """Withdraw a code: it cannot be redeemed any more. Users keep the credit that they got with it."""

    name = "withdraw-code"
    title = "Withdraw a code"
    permission = "ledger.change_couponcode"
    body = bodies.CodeToWithdraw

    code = TextField()

    @override
    def submission(self, *, now: datetime, **context: Any) -> Submission:
        return by_people.withdraw_code(self.parsed, now=now, **context)


class RedeemCode(CommandPage):
    """Redeem a code for a user, who gets its promotional credit. Each user can redeem a code once."""

    name = "redeem-code"
    title = "Redeem a code"
    permission = "ledger.add_coupongrant"
    body = bodies.Redemption

    operation_user = UserField()
    code = TextField()

    @override
    def submission(self, *, now: datetime, **context: Any) -> Submission:
        return by_people.redeem_code(self.parsed, now=now, **context)

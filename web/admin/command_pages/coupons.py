"""Doors of promotional credit: grant it, offer a code, redeem one for a user."""

from datetime import datetime
from typing import Any

from ledger.engine.submission import Submission
from ledger.requests import bodies, by_people
from web.admin.command_pages.command_page import CommandPage
from web.admin.command_pages.fields import (
    AmountField,
    MomentField,
    ReasonField,
    TextField,
    UserField,
    WholeField,
)

_PRIORITY = "A lower number is spent first."


class GrantCoupon(CommandPage):
    """Give a user promotional credit. It pays what he owes the platform, and is never paid out."""

    name = "grant-coupon"
    title = "Grant a coupon"
    permission = "ledger.add_coupongrant"
    body = bodies.Coupon

    operation_user = UserField()
    amount = AmountField("USD")
    expires_at = MomentField(label="Expires (UTC)", required=False, help_text="Empty: never.")
    priority = WholeField(initial=100, help_text=_PRIORITY)
    reason = ReasonField()

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As over HTTP."""
        return by_people.grant_coupon(self.read, now=now, **who)


class OfferCode(CommandPage):
    """Offer a code that each user may redeem once for promotional credit."""

    name = "offer-code"
    title = "Create a coupon code"
    permission = "ledger.add_couponcode"
    body = bodies.CodeToRedeem

    code = TextField(help_text="3 to 40 capital letters, digits and hyphens: WELCOME-2027.")
    amount = AmountField("USD")
    priority = WholeField(initial=100, help_text=_PRIORITY)
    valid_days = WholeField(
        label="Days", required=False, help_text="How long the credit lasts once redeemed. Empty: for ever."
    )
    redeem_until = MomentField(label="Redeemable until (UTC)", required=False, help_text="Empty: always.")
    redemptions_max = WholeField(
        label="Redemptions at most", required=False, help_text="Of all users together. Empty: no limit."
    )

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As over HTTP."""
        return by_people.create_code(self.read, now=now, **who)


class RedeemCode(CommandPage):
    """Redeem a code for a user, who gets what it gives. Each user redeems a code once."""

    name = "redeem-code"
    title = "Redeem a code"
    permission = "ledger.add_coupongrant"
    body = bodies.Redemption

    operation_user = UserField()
    code = TextField()

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As over HTTP."""
        return by_people.redeem_code(self.read, now=now, **who)

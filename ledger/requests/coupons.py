"""The requests of promotional credit: grant a coupon; create, withdraw or redeem a code."""

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from easyautoml_ledger.ids import Id
from easyautoml_ledger.money import PositiveAmount
from easyautoml_ledger.text import Reason
from easyautoml_ledger.times import AwareDatetime
from ledger.domain.coupons import Code
from ledger.domain.granting import CreateCode, GrantCoupon, RedeemCode, WithdrawCode
from ledger.requests.body import Body
from ledger.requests.request import Page, Request, Route, Shown

Kinds = Annotated[tuple[Literal["pay_a_bill"], ...], Field(min_length=1, max_length=20)]
CouponCode = Annotated[str, StringConstraints(pattern="^[A-Z0-9]([A-Z0-9-]{1,38}[A-Z0-9])$")]
Priority = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Whole = Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)]
# Ten years: a time that far from any redemption can be computed, stored and shown everywhere.
Days = Annotated[int, Field(strict=True, ge=1, le=3_650)]

_PRIORITY: Final = Shown(help="Coupons with a lower number are spent first.")


class Coupon(Body):
    """Promotional credit for a user, in USD. A lower `priority` is spent first."""

    operation_user: Id
    amount: PositiveAmount
    expires_at: AwareDatetime | None = None
    priority: Priority = 100
    kinds: Kinds | None = None
    reason: Reason


class CodeToRedeem(Body):
    """A coupon code that each user may redeem once for `amount` of promotional credit in USD."""

    code: CouponCode
    amount: PositiveAmount
    priority: Priority = 100
    kinds: Kinds | None = None
    valid_days: Days | None = None
    redeem_until: AwareDatetime | None = None
    redemptions_max: Whole | None = None


class CodeToWithdraw(Body):
    """Withdraw a coupon code: it cannot be redeemed any more, and what was redeemed stays."""

    code: CouponCode


class Redemption(Body):
    """Redeem a coupon code for a user."""

    operation_user: Id
    code: CouponCode


GRANT_COUPON: Final = Request(
    tag="coupon.grant",
    message=Coupon,
    command=lambda message, _, at: GrantCoupon(
        user=message.operation_user,
        amount=message.amount,
        occurred_at=at,
        expires_at=message.expires_at,
        priority=message.priority,
        kinds=message.kinds,
    ),
    erasable=("reason",),
    routes=(
        Route(
            path="/coupons",
            scope="ledger:admin",
            operation_id="grant_coupon",
            summary="Give a user promotional credit",
            description="Give a user credit that pays only for what they owe to the platform, until it "
            "expires.",
            proposes="perhaps",
        ),
    ),
    page=Page(
        name="grant-coupon",
        title="Grant a coupon",
        permission="ledger.add_coupongrant",
        description="Give a user promotional credit. It pays what the user owes the platform, and is never "
        "paid out.",
        currency="USD",
        shown={
            "expires_at": Shown(label="Expires (UTC)", help="Leave empty for a coupon that never expires."),
            "priority": _PRIORITY,
        },
    ),
)

CREATE_CODE: Final = Request(
    tag="coupon.code",
    message=CodeToRedeem,
    command=lambda message, _, at: CreateCode(code=Code(**message.model_dump()), occurred_at=at),
    routes=(
        Route(
            path="/coupons/codes",
            scope="ledger:admin",
            operation_id="create_coupon_code",
            summary="Create a coupon code",
            description="Create a code that each user can redeem once. Redemptions can be limited in number "
            "and time.",
            proposes="perhaps",
        ),
    ),
    page=Page(
        name="offer-code",
        title="Create a coupon code",
        permission="ledger.add_couponcode",
        description="Create a code that each user may redeem once for promotional credit.",
        currency="USD",
        shown={
            "code": Shown(help="3 to 40 capital letters, digits and hyphens, for example WELCOME-2027."),
            "priority": _PRIORITY,
            "valid_days": Shown(
                label="Valid for (days)",
                help="Counted from when the code is redeemed. Leave empty for credit that never expires.",
            ),
            "redeem_until": Shown(label="Redeemable until (UTC)", help="Leave empty for no end date."),
            "redemptions_max": Shown(
                label="Maximum number of redemptions",
                help="Counted over all users. Leave empty for no limit.",
            ),
        },
    ),
)

WITHDRAW_CODE: Final = Request(
    tag="coupon.withdrawal",
    message=CodeToWithdraw,
    command=lambda message, _, at: WithdrawCode(code=message.code, occurred_at=at),
    routes=(
        Route(
            path="/coupons/codes/{code}/withdraw",
            scope="ledger:admin",
            operation_id="withdraw_coupon_code",
            summary="Withdraw a coupon code",
            description="Stop redemptions of a code. What was redeemed stays.",
        ),
    ),
    page=Page(
        name="withdraw-code",
        title="Withdraw a code",
        permission="ledger.change_couponcode",
        description="Withdraw a code: it cannot be redeemed any more. Users keep the credit that they got "
        "with it.",
    ),
)

REDEEM_CODE: Final = Request(
    tag="coupon.redemption",
    message=Redemption,
    command=lambda message, _, at: RedeemCode(user=message.operation_user, code=message.code, occurred_at=at),
    routes=(
        Route(
            path="/coupons/redemptions",
            operation_id="redeem_coupon_code",
            summary="Redeem a coupon code for a user",
            description="Give the user the coupon of the code, once per user.",
        ),
    ),
    page=Page(
        name="redeem-code",
        title="Redeem a code",
        permission="ledger.add_coupongrant",
        description="Redeem a code for a user, who gets its promotional credit. Each user can redeem a code "
        "once.",
    ),
)

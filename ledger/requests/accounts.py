"""The requests about one account of a user: adjust it, set the credit limit."""

from datetime import datetime
from typing import Annotated, Final, Literal

from django.conf import settings

from easyautoml_ledger.ids import Id, Uuid
from easyautoml_ledger.money import NonNegativeAmount, PositiveAmount
from easyautoml_ledger.text import Code, Reason, SingleLine
from ledger.domain import adjustments
from ledger.domain.adjustments import Adjust, SetCreditLimit
from ledger.engine.submission import Sender
from ledger.requests.body import Body
from ledger.requests.request import Page, Request, Route, Shown


class Adjustment(Body):
    """Add `amount` to a user's account or deduct it. `evidence` is a link. The texts can be erased later.

    `operation` is an operation of the user that the adjustment corrects or completes.
    """

    operation_user: Id
    account: Literal["usd", "eaml", "coupon", "due:usd", "due:eaml"]
    direction: Literal["up", "down"]
    amount: PositiveAmount
    operation: Uuid | None = None
    reason_code: Code
    reason: Reason
    evidence: Annotated[str, SingleLine(longest=500)] | None = None


class CreditLimit(Body):
    """The most EAML a user may owe; null restores the tariff's limit."""

    user: Id
    limit: NonNegativeAmount | None


def adjust_command(
    adjustment: adjustments.Adjustment, reason_code: str, sender: Sender, at: datetime
) -> Adjust:
    """Return the command for an adjustment; above the limit of the sender's role it is proposed."""
    return Adjust(
        adjustment=adjustment,
        occurred_at=at,
        actor=sender.actor,
        role=sender.role,
        tier=settings.LEDGER_ADJUST_TIERS[sender.role],
        reason_code=reason_code,
        made_by=sender.made_by,
    )


def _adjust(message: Adjustment, sender: Sender, at: datetime) -> Adjust:
    adjustment = adjustments.Adjustment(
        user=message.operation_user,
        account=message.account,
        direction=message.direction,
        amount=message.amount,
        about=None if message.operation is None else str(message.operation),
    )
    return adjust_command(adjustment, message.reason_code, sender, at)


ADJUST: Final = Request(
    tag="adjustment",
    message=Adjustment,
    command=_adjust,
    erasable=("reason", "evidence"),
    routes=(
        Route(
            path="/adjustments",
            scope="ledger:admin",
            operation_id="adjust_balance",
            summary="Adjust a balance",
            description="""\
Move an account of a user up or down. An adjustment down on a due account writes off what they owe.

201: done. 202: more than the key may adjust alone in a day; the `proposal` waits for a second person.""",
            proposes="perhaps",
        ),
    ),
    page=Page(
        name="adjust",
        title="Adjust a balance",
        permission="ledger.add_proposedchange",
        description="Increase or decrease the balance of a user's account. Decreasing a debt writes it "
        "off.\n\n"
        "An adjustment above the daily limit of your role becomes a proposal that a second person must "
        "approve.",
        shown={
            "account": Shown(
                choices={
                    "usd": "USD",
                    "eaml": "EAML",
                    "coupon": "coupons (USD)",
                    "due:usd": "debt in USD",
                    "due:eaml": "debt in EAML",
                }
            ),
            "direction": Shown(choices={"up": "increase", "down": "decrease"}),
            "operation": Shown(help="ID of the user's operation that this corrects or completes, if any."),
            "reason_code": Shown(
                help="A short name for reports, for example goodwill, correction or write-off."
            ),
            "evidence": Shown(help="A link that supports the adjustment, for example to a ticket."),
        },
    ),
)

SET_CREDIT_LIMIT: Final = Request(
    tag="credit_limit",
    message=CreditLimit,
    command=lambda message, _, at: SetCreditLimit(user=message.user, limit=message.limit, occurred_at=at),
    routes=(
        Route(
            path="/users/{user}/credit-limit",
            scope="ledger:admin",
            operation_id="set_credit_limit",
            summary="Set a user's credit limit",
            description="Set how much EAML the user may owe; null restores the tariff's limit.",
            proposes="perhaps",
        ),
    ),
    page=Page(
        name="set-credit-limit",
        title="Set the credit limit",
        permission="ledger.change_account",
        description="Limit how much EAML a user may owe for compute. Work that would exceed the limit is "
        "rejected.",
        currency="EAML",
        shown={"limit": Shown(label="Limit (EAML)", help="Leave empty to use the limit of the tariff.")},
    ),
)

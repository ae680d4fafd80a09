"""Request bodies of the commands other than the nine operations, validated as strictly as those."""

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from easyautoml_ledger.errors import first_contract_error
from easyautoml_ledger.ids import Count, Flag, Id, Uuid
from easyautoml_ledger.money import NonNegativeAmount, PositiveAmount
from easyautoml_ledger.operations import DEFAULT_PAYMENT_PROVIDER
from easyautoml_ledger.text import Code, PaymentReference, Reason, SingleLine
from easyautoml_ledger.times import AwareDatetime

Kinds = Annotated[tuple[Literal["pay_a_bill"], ...], Field(min_length=1, max_length=20)]
CouponCode = Annotated[str, StringConstraints(pattern="^[A-Z0-9]([A-Z0-9-]{1,38}[A-Z0-9])$")]
Priority = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Whole = Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)]
# Ten years: a time that far from any redemption can be computed, stored and shown everywhere.
Days = Annotated[int, Field(strict=True, ge=1, le=3_650)]


class Body(BaseModel):
    """A request body: immutable, without unknown fields, its input left out of error messages."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Capture(Body):
    """Work done since the last capture. `final` releases the rest of the hold."""

    count_of_lines: Count
    count_of_training_epoch: Count | None = None
    final: Flag = True


class Void(Body):
    """Release a hold. `reason` says why the work was not done."""

    reason: Reason


class Paid(Body):
    """Confirm a payout, with the provider's reference of the payment if it has one."""

    payment_reference: PaymentReference | None = None
    payment_provider: Code = DEFAULT_PAYMENT_PROVIDER


class Failed(Body):
    """Report that a payout will not be paid, and why."""

    reason: Reason


class Split(Body):
    """The part of the escrow (USD) that goes to the consultant, before the commission."""

    amount: PositiveAmount


class Reversal(Body):
    """Take back `amount`, in the currency the payer paid with, or everything left when it is omitted."""

    amount: PositiveAmount | None = None
    reason: Reason


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


class CreditLimit(Body):
    """The most EAML a user may owe; null restores the tariff's limit."""

    limit: NonNegativeAmount | None


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


class PeriodProposal(Body):
    """Propose to close or reopen a period, and say why."""

    reason_code: Code
    reason: Reason


class Decline(Body):
    """Decline a proposal, and say why."""

    reason: Reason


B = TypeVar("B", bound=BaseModel)


def read_as(body: type[B], value: object) -> B:
    """Validate a JSON value as a body. Raises `ContractError` with the first thing that is wrong."""
    try:
        return body.model_validate(value)
    except ValidationError as error:
        raise first_contract_error(error) from None

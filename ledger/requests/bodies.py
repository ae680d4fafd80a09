"""What the doors beyond the nine operations take: as strict as the contracts of operations."""

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from easyautoml_ledger.errors import first_contract_error
from easyautoml_ledger.ids import Count, Flag, Id
from easyautoml_ledger.money import NonNegativeAmount, PositiveAmount
from easyautoml_ledger.operations import DEFAULT_PAYMENT_PROVIDER
from easyautoml_ledger.text import Code, PaymentReference, Reason, Reference
from easyautoml_ledger.times import AwareDatetime

Kinds = Annotated[tuple[Literal["pay_a_bill"], ...], Field(min_length=1, max_length=20)]
CouponCode = Annotated[str, StringConstraints(pattern="^[A-Z0-9]([A-Z0-9-]{1,38}[A-Z0-9])$")]
Priority = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Whole = Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)]


class Body(BaseModel):
    """What all of them share."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Capture(Body):
    """Work that was done since the last capture. `final` releases what is left of the hold."""

    count_of_lines: Count
    count_of_training_epoch: Count | None = None
    final: Flag = True


class Void(Body):
    """Why the work was not done."""

    reason: Reason


class Paid(Body):
    """Under which reference the provider has paid, if it gives one."""

    payment_reference: PaymentReference | None = None
    payment_provider: Code = DEFAULT_PAYMENT_PROVIDER


class Failed(Body):
    """Why a payout will not be paid."""

    reason: Reason


class Split(Body):
    """How much of what is in escrow (USD) the consultant gets, before the commission."""

    amount: PositiveAmount


class Reversal(Body):
    """Take back `amount`, in what the payer paid with; without it, all that is left."""

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
    """A code for promotional credit, which each user may redeem once. `amount` is USD."""

    code: CouponCode
    amount: PositiveAmount
    priority: Priority = 100
    kinds: Kinds | None = None
    valid_days: Whole | None = None
    redeem_until: AwareDatetime | None = None
    redemptions_max: Whole | None = None


class Redemption(Body):
    """A user redeems a code."""

    operation_user: Id
    code: CouponCode


class CreditLimit(Body):
    """How much EAML a user may owe; null: what the tariff says."""

    limit: NonNegativeAmount | None


class Adjustment(Body):
    """Put `amount` on a user's account or take it off. `evidence` is a link; texts can be erased."""

    operation_user: Id
    account: Literal["usd", "eaml", "coupon", "due:usd", "due:eaml"]
    direction: Literal["up", "down"]
    amount: PositiveAmount
    reason_code: Code
    reason: Reason
    evidence: Annotated[str, Reference(longest=500)] | None = None


class PeriodProposal(Body):
    """Why a period is to be closed or reopened."""

    reason_code: Code
    reason: Reason


class Decline(Body):
    """Why a proposal is declined."""

    reason: Reason


B = TypeVar("B", bound=BaseModel)


def read_as(body: type[B], value: object) -> B:
    """A JSON value as one of these. Raises `ContractError` with the first thing that is wrong."""
    try:
        return body.model_validate(value)
    except ValidationError as error:
        raise first_contract_error(error) from None

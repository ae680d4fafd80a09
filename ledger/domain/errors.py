"""Why a command did not become an operation.

```
LedgerError                 a stable code, details, whether a retry can help
├─ Rejected    final        InsufficientFunds CreditLimitExceeded NotForSale …
├─ Conflict    409          the key was used for another command: names the field
├─ NotFound    404
├─ Undecided   retry        what the command names is not known yet
└─ Busy        retry        lost a race; the caller may try again
```
"""

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

Details: TypeAlias = Mapping[str, Any]


class LedgerError(Exception):
    """Every refusal of the ledger.

    `code` is stable and listed in `docs/errors.md`; `details` are JSON values (amounts as strings).
    """

    code: ClassVar[str] = "ledger_error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details: Details = details


class Rejected(LedgerError):
    """The command was understood and decided against. The same key gives the same answer for ever."""

    code = "rejected"
    status = 422


class InsufficientFunds(Rejected):
    """The payer's available money does not cover the amount."""

    code = "insufficient_funds"


class CreditLimitExceeded(Rejected):
    """What the payer would owe for compute is above the credit limit."""

    code = "credit_limit_exceeded"


class NotForSale(Rejected):
    """The owner does not offer this on the marketplace."""

    code = "not_for_sale"


class NoPrice(Rejected):
    """The machine has no price for this."""

    code = "no_price"


class PriceChanged(Rejected):
    """The command carries a unit price that is not the one in force when it occurred."""

    code = "price_changed"


class OwnMachine(Rejected):
    """The owner of a machine cannot buy from himself."""

    code = "own_machine"


class AmountTooSmall(Rejected):
    """The amount is worth less than the smallest unit of what it buys."""

    code = "amount_too_small"


class AmountTooLarge(Rejected):
    """The amount, or a balance after it, has more than 12 digits before the point."""

    code = "amount_too_large"


class UnknownTariff(Rejected):
    """No tariff was in force when the operation occurred."""

    code = "unknown_tariff"


class UnknownReference(Rejected):
    """A user, machine, hold or the like that never became known in the time the ledger waits for it."""

    code = "unknown_reference"


class UnknownOperation(Rejected):
    """There is no such operation to reverse."""

    code = "unknown_operation"
    status = 404


class NotReversible(Rejected):
    """Operations of this kind, or rejections, are not reversed."""

    code = "not_reversible"


class NothingLeftToReverse(Rejected):
    """More would come back than is left of what was charged."""

    code = "nothing_left_to_reverse"


class PaymentReferenceUsed(Rejected):
    """The provider's payment was recorded before."""

    code = "payment_reference_used"


class PayoutExists(Rejected):
    """Another payout was requested under this id."""

    code = "payout_exists"


class PayoutResolved(Rejected):
    """The payout was paid before, or has failed."""

    code = "payout_resolved"


class ContractUnknown(Rejected):
    """There is no such consulting request, or no contract came of it."""

    code = "contract_unknown"
    status = 404


class ContractNotOffered(Rejected):
    """The consulting request does not wait for its consultant's approval."""

    code = "contract_not_offered"


class ContractEnded(Rejected):
    """The contract was finished, split or cancelled before."""

    code = "contract_ended"


class HoldExists(Rejected):
    """Another hold was placed under this id."""

    code = "hold_exists"


class HoldResolved(Rejected):
    """The hold was captured or voided, or its time is over."""

    code = "hold_resolved"


class HoldMismatch(Rejected):
    """The operation is not the one that the hold was placed for."""

    code = "hold_mismatch"


class ExpiryPassed(Rejected):
    """What would be placed or granted would have expired already."""

    code = "expiry_passed"


class CodeUnknown(Rejected):
    """There is no such coupon code."""

    code = "code_unknown"


class CodeExists(Rejected):
    """A coupon code of this name was created before."""

    code = "code_exists"


class CodeExpired(Rejected):
    """The coupon code can no longer be redeemed."""

    code = "code_expired"


class CodeExhausted(Rejected):
    """The coupon code was redeemed as often as it may be."""

    code = "code_exhausted"


class AlreadyRedeemed(Rejected):
    """The user has redeemed this coupon code before."""

    code = "already_redeemed"


class ProposalUnknown(Rejected):
    """There is no such proposal."""

    code = "proposal_unknown"
    status = 404


class ProposalResolved(Rejected):
    """The proposal was approved or declined before."""

    code = "proposal_resolved"


class ProposalExpired(Rejected):
    """The proposal was not approved in time."""

    code = "proposal_expired"


class SelfApproval(Rejected):
    """Nobody approves what he proposed himself."""

    code = "self_approval"


class AboveRole(Rejected):
    """The amount is more than the role of who approves it may approve."""

    code = "above_role"


class PeriodNotOver(Rejected):
    """Only a month that is over can be closed."""

    code = "period_not_over"


class PeriodNotSwept(Rejected):
    """Coupons or holds that expired in the period are still to be swept."""

    code = "period_not_swept"


class PeriodOutOfOrder(Rejected):
    """Periods are closed one after the other, and only the last one is reopened."""

    code = "period_out_of_order"


class PeriodClosed(Rejected):
    """The period is closed."""

    code = "period_closed"


class PeriodOpen(Rejected):
    """The period is not closed."""

    code = "period_open"


class EffectiveInThePast(Rejected):
    """A version of the tariff would take effect before it is published."""

    code = "effective_in_the_past"


class UnknownTeam(Rejected):
    """There is no such team."""

    code = "unknown_team"


class ApprovalRequired(LedgerError):
    """One person may not adjust this much alone: a proposal was made, and `proposal` names it."""

    code = "approval_required"
    status = 202


class Conflict(LedgerError):
    """The idempotency key was used for another command; `field` names the first difference."""

    code = "conflict"
    status = 409


class NotFound(LedgerError):
    """There is no such thing, or the caller may not see it."""

    code = "not_found"
    status = 404


class Undecided(LedgerError):
    """The command names a user, machine, hold or the like that is not known yet. The key is not consumed."""

    code = "undecided"
    status = 409
    retryable = True


class Busy(LedgerError):
    """Lost a race; the same command may be sent again."""

    code = "busy"
    status = 503
    retryable = True


class Invalid(LedgerError):
    """The command cannot be read or is out of bounds; `field` names where."""

    code = "invalid"
    status = 422


def rejected_by_code(code: str) -> type[Rejected]:
    """The class of a stored rejection's code; `Rejected` itself for one that is no longer known."""
    return next((kind for kind in Rejected.__subclasses__() if kind.code == code), Rejected)

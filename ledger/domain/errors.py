"""The errors of the ledger: why a command did not become an operation.

```
LedgerError                 a stable code, details, whether a retry can help
├─ Rejected    final        InsufficientFunds CreditLimitExceeded NotForSale …
├─ Conflict    409          the key was used for another command: names the field
├─ NotFound    404
├─ Undecided   retry        the command names something that is not known yet
└─ Busy        retry        lost a race; the caller may try again
```
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

Details: TypeAlias = Mapping[str, Any]


class LedgerError(Exception):
    """The base of all errors of the ledger.

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
    """The command was decided against. The same key always gets the same answer."""

    code = "rejected"
    status = 422


class InsufficientFunds(Rejected):
    """The payer's available money does not cover the amount."""

    code = "insufficient_funds"


class CreditLimitExceeded(Rejected):
    """The payer would owe more for compute than the credit limit allows."""

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
    """The owner of a machine cannot buy from their own machine."""

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
    """A user, machine, hold or the like that the command names did not become known in time."""

    code = "unknown_reference"


class UserGone(Rejected):
    """The user was deleted."""

    code = "user_gone"


class UnknownOperation(Rejected):
    """There is no such operation."""

    code = "unknown_operation"
    status = 404


class NotReversible(Rejected):
    """Operations of this kind cannot be reversed, and neither can rejections."""

    code = "not_reversible"


class NothingLeftToReverse(Rejected):
    """The amount is more than is left of what was charged."""

    code = "nothing_left_to_reverse"


class AlreadyDisputed(Rejected):
    """A dispute of this payment was charged back before."""

    code = "already_disputed"
    status = 409


class PaymentReferenceUsed(Rejected):
    """The provider's payment has already been recorded."""

    code = "payment_reference_used"


class AmbiguousPayment(Rejected):
    """Several providers have a payment of this reference."""

    code = "ambiguous_payment"


class PayoutExists(Rejected):
    """A payout with this id already exists."""

    code = "payout_exists"


class PayoutResolved(Rejected):
    """The payout has already been paid or has failed."""

    code = "payout_resolved"


class ContractUnknown(Rejected):
    """There is no such consulting request or contract."""

    code = "contract_unknown"
    status = 404


class ContractNotOffered(Rejected):
    """The consulting request is not waiting for the consultant's approval."""

    code = "contract_not_offered"


class ContractEnded(Rejected):
    """The contract has already been finished, split or cancelled."""

    code = "contract_ended"


class HoldExists(Rejected):
    """A hold with this id already exists."""

    code = "hold_exists"


class HoldResolved(Rejected):
    """The hold has already been captured or voided, or has expired."""

    code = "hold_resolved"


class HoldMismatch(Rejected):
    """The hold was placed for a different operation."""

    code = "hold_mismatch"


class ExpiryPassed(Rejected):
    """The expiry is in the past."""

    code = "expiry_passed"


class CodeUnknown(Rejected):
    """There is no such coupon code."""

    code = "code_unknown"


class CodeExists(Rejected):
    """A coupon code with this name already exists."""

    code = "code_exists"


class CodeExpired(Rejected):
    """The coupon code can no longer be redeemed."""

    code = "code_expired"


class CodeWithdrawn(Rejected):
    """The coupon code was withdrawn."""

    code = "code_withdrawn"


class CodeExhausted(Rejected):
    """The coupon code has reached its maximum number of redemptions."""

    code = "code_exhausted"


class AlreadyRedeemed(Rejected):
    """The user has already redeemed this coupon code."""

    code = "already_redeemed"


class ProposalUnknown(Rejected):
    """There is no such proposal."""

    code = "proposal_unknown"
    status = 404


class ProposalResolved(Rejected):
    """The proposal has already been approved or declined."""

    code = "proposal_resolved"


class ProposalExpired(Rejected):
    """The proposal was not approved in time, or its user was deleted."""

    code = "proposal_expired"


class SelfApproval(Rejected):
    """A proposal cannot be approved by its proposer."""

    code = "self_approval"


class AboveRole(Rejected):
    """The amount is more than the approver's role may approve."""

    code = "above_role"


class PeriodNotOver(Rejected):
    """Only a month that is over can be closed."""

    code = "period_not_over"


class PeriodNotSwept(Rejected):
    """Coupons or holds that expired in the period have not been swept yet."""

    code = "period_not_swept"


class PeriodOutOfOrder(Rejected):
    """Periods are closed in order, and only the last closed one can be reopened."""

    code = "period_out_of_order"


class PeriodClosed(Rejected):
    """The period is closed."""

    code = "period_closed"


class PeriodOpen(Rejected):
    """The period is not closed."""

    code = "period_open"


class EffectiveInThePast(Rejected):
    """A tariff version cannot take effect before it is published."""

    code = "effective_in_the_past"


class UnknownTeam(Rejected):
    """There is no such team."""

    code = "unknown_team"


class ApprovalRequired(LedgerError):
    """The adjustment needs a second person's approval. `proposal` names the proposal that was made."""

    code = "approval_required"
    status = 202


class Conflict(LedgerError):
    """The idempotency key was used for a different command. `field` names the first difference."""

    code = "conflict"
    status = 409


class NotFound(LedgerError):
    """It does not exist, or the caller may not see it."""

    code = "not_found"
    status = 404


class Undecided(LedgerError):
    """The command names a user, machine, hold or the like that is not known yet. The key stays unused."""

    code = "undecided"
    status = 409
    retryable = True


class Busy(LedgerError):
    """The command lost a race against others. Send it again."""

    code = "busy"
    status = 503
    retryable = True


class LockTimeout(Busy):
    """Another transaction keeps a lock that the command needs. Send it again."""

    def __init__(self, message: str, *, users: Sequence[Sequence[int]] = ()) -> None:
        super().__init__(message)
        self.users = users
        """The users whose accounts each submission of the batch locks, in the order of the batch."""


class Invalid(LedgerError):
    """The command cannot be read or is out of bounds. `field` names the place."""

    code = "invalid"
    status = 422


def rejected_by_code(code: str) -> type[Rejected]:
    """Return the class for a stored rejection's code; `Rejected` itself for a code that no longer exists."""
    return next((kind for kind in Rejected.__subclasses__() if kind.code == code), Rejected)

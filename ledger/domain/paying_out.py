"""Pay money out to users: a payout is requested, then paid or failed."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from ledger.domain import chart
from ledger.domain.chart import Transfer
from ledger.domain.errors import InsufficientFunds, PayoutExists, PayoutResolved
from ledger.domain.locked_state import Decision, LockedState
from ledger.domain.money import USD, ZERO, text
from ledger.domain.one_user import OneUserCommand
from ledger.domain.operations import Kind
from ledger.domain.payment_references import PaymentName, claim
from ledger.domain.payouts import Payout, PayoutState


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPayout(OneUserCommand):
    """Set `amount` (USD, 8 decimals) of a user's money aside, to be paid out to the user."""

    payout: str
    user: int
    amount: Decimal
    occurred_at: datetime

    kind = Kind.PAYOUT


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmPayout:
    """Record that the provider has paid a payout. `payment` is the provider's name of the payment."""

    payout: str
    occurred_at: datetime
    payment: PaymentName | None = None

    kind = Kind.PAYOUT


@dataclass(frozen=True, slots=True, kw_only=True)
class FailPayout:
    """Record that a payout will not be paid: it was cancelled, or the provider could not pay it."""

    payout: str
    occurred_at: datetime

    kind = Kind.PAYOUT


@dataclass(frozen=True, slots=True, kw_only=True)
class PayingOut:
    """A payout to be paid or failed, whose user is known."""

    command: ConfirmPayout | FailPayout
    payout: Payout

    @property
    def users(self) -> tuple[int, ...]:
        """Return the users whose accounts have to be locked."""
        return (self.payout.user,)


def request_payout(command: RequestPayout, locked: LockedState) -> Decision:
    """Set the money aside. Raises `PayoutExists` or `InsufficientFunds`. What is due is not paid out."""
    if command.payout in locked.payouts:
        raise PayoutExists("there is a payout with this id already", payout=command.payout)
    available, due = locked.available(command.user, "usd"), locked.balance(command.user, "due:usd")
    if available - due < command.amount:
        raise InsufficientFunds(
            f"the payout takes {text(command.amount)} USD, and {text(available)} USD is available, of which "
            f"{text(due)} USD is due",
            currency=USD,
            amount=text(command.amount),
            available=text(available),
            due=text(due),
        )
    payout = new_payout(command)
    return _decision("payout.requested", payout, payout.amount)


def new_payout(command: RequestPayout) -> Payout:
    """Return the payout that a request makes if it succeeds."""
    return Payout(
        id=command.payout,
        user=command.user,
        amount=command.amount,
        remaining=command.amount,
        state="requested",
    )


def confirm_payout(
    plan: PayingOut, command: ConfirmPayout, locked: LockedState, *, event_id: str
) -> Decision:
    """Record that the money has left. Raises `PayoutResolved` or `PaymentReferenceUsed`."""
    payout = _requested(plan, locked)
    payments = claim(locked.payments, command.payment, operation=event_id)
    transfer = Transfer(payout.account, chart.CLEARING_USD, USD, payout.amount)
    decision = _decision("payout.paid", _resolved(payout, "paid"), -payout.remaining)
    return replace(decision, stream=None, transfers=(transfer,), states=(*decision.states, *payments))


def fail_payout(plan: PayingOut, locked: LockedState) -> Decision:
    """Make the money available again. Raises `PayoutResolved`."""
    payout = _requested(plan, locked)
    return _decision("payout.failed", _resolved(payout, "failed"), -payout.remaining)


def _requested(plan: PayingOut, locked: LockedState) -> Payout:
    payout = locked.payouts[plan.payout.id]
    if payout.state != "requested":
        raise PayoutResolved(f"the payout is {payout.state}", payout=payout.id, state=payout.state)
    return payout


def _resolved(payout: Payout, state: PayoutState) -> Payout:
    return replace(payout, remaining=ZERO, state=state)


def _decision(type_: str, payout: Payout, held: Decimal) -> Decision:
    return Decision(
        type=type_,
        kind=Kind.PAYOUT,
        payer=payout.user,
        users=(payout.user,),
        held={payout.account: held},
        states=(payout,),
        stream=f"payout:{payout.id}",
        facts={"payout": payout.id, "operation_user": payout.user},
    )

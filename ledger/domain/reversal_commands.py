"""Reverse all or part of an operation."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal

from ledger.domain import chart
from ledger.domain.chart import user_account
from ledger.domain.errors import AlreadyDisputed, NothingLeftToReverse, NotReversible
from ledger.domain.locked_state import Decision, LockedState
from ledger.domain.money import ZERO, text
from ledger.domain.operations import COMPUTE, CONSULTING, MARKET, Kind
from ledger.domain.payment_references import PaymentName
from ledger.domain.reversal_transfers import ReversalTransfers
from ledger.domain.reversals import Original, Reversed


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverse:
    """Take back `amount` (8 decimals, in the currency that the payer paid), or all that is left."""

    operation: str
    amount: Decimal | None
    occurred_at: datetime
    spent_by_payee: Literal["due", "loss"] = "due"
    """Money that a payee has already spent becomes due, or a loss of the platform."""

    kind = Kind.REVERSAL


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeBack:
    """Record that a provider took back `amount` (USD, 8 decimals) of a payment, or all that is left of it.

    If less is left, that is taken, and the decision names the rest. A payment is disputed once.

    The payment is named by its operation or by its provider's name.
    """

    operation: str | None
    payment: PaymentName | None
    amount: Decimal | None
    occurred_at: datetime

    kind = Kind.CHARGEBACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversing:
    """A reversal or a chargeback whose original operation is known."""

    command: Reverse | ChargeBack
    original: Original
    closed: frozenset[int] = frozenset()
    """The users of the original who are deleted. Their accounts are not touched."""

    @property
    def users(self) -> tuple[int, ...]:
        """Return the users whose accounts have to be locked."""
        return tuple(user for user in self.original.users if user not in self.closed)

    @property
    def payer(self) -> int | None:
        """Return the payer, unless the payer is deleted."""
        payer: int = self.original.data["payer"]
        return None if payer in self.closed else payer


def reverse(plan: Reversing, locked: LockedState, *, now: datetime, event_id: str) -> Decision:
    """Take the amount back from the payees and return it to the payer.

    Raises `NotReversible`, `NothingLeftToReverse`, `AlreadyDisputed`, or `InsufficientFunds` if a coupon that
    would be taken back has been spent.
    """
    original, command = plan.original, plan.command
    if command.kind is Kind.CHARGEBACK and original.kind != Kind.CREDIT_FROM_USER:
        raise NotReversible("only money that was paid in can be charged back", operation=original.id)
    if command.kind is Kind.REVERSAL and plan.payer is None:
        raise NotReversible("the account of the payer is closed", operation=original.id)
    so_far = locked.reversed.get(original.id) or Reversed(operation=original.id, total=reversible(original))
    disputed = command.kind is Kind.CHARGEBACK
    if disputed and so_far.dispute is not None:
        raise AlreadyDisputed(
            "the payment was charged back before", operation=original.id, first=so_far.dispute
        )
    asked = so_far.left if command.amount is None else command.amount
    part = min(asked, so_far.left) if disputed else asked
    if so_far.left <= ZERO or part > so_far.left:
        raise NothingLeftToReverse(
            f"{text(so_far.left)} is left to reverse",
            operation=original.id,
            left=text(so_far.left),
        )
    reversal = ReversalTransfers(
        original,
        locked,
        so_far,
        part,
        now=now,
        closed=plan.closed,
        as_loss=isinstance(command, Reverse) and command.spent_by_payee == "loss",
    )
    reversal.run()
    locked.check_balance_sizes(reversal.transfers)
    after = replace(so_far, amount=so_far.amount + part, legs=reversal.legs, grants=reversal.grants_reversed)
    if disputed:
        after = replace(after, dispute=event_id)
    return Decision(
        type="operation.reversed",
        kind=command.kind,
        payer=original.data["payer"],
        users=plan.users,
        transfers=tuple(reversal.transfers),
        states=(*reversal.grants.values(), after),
        facts={
            "reverses": original.id,
            "reversed_kind": original.kind,
            "amount": text(part),
            "final": after.left == ZERO,
            "operation_user": plan.payer,
            **({"rest": text(asked - part)} if asked > part else {}),
            **({"to_promotions": text(reversal.to_promotions)} if reversal.to_promotions else {}),
        },
    )


def reversible(original: Original) -> Decimal:
    """Return the amount that the payer paid, which is what can be reversed. Raises `NotReversible`."""
    kind, transfers = Kind(original.kind), original.transfers
    if original.type not in {"operation.recorded", "hold.captured", "payout.paid"} or kind in {
        Kind.COUPON_EXPIRY,
        Kind.REVERSAL,
        Kind.CHARGEBACK,
        Kind.OPENING_BALANCE,
        *CONSULTING,
    }:
        raise NotReversible(f"this {kind} cannot be reversed", operation=original.id)
    if kind in COMPUTE:
        return sum((each.amount for each in transfers if each.credit == chart.REVENUE_EAML), ZERO)
    if kind is Kind.PAY_A_BILL:
        return sum((each.amount for each in transfers if each.credit == chart.REVENUE_USD), ZERO)
    if kind in MARKET:
        purse = user_account(original.data["payer"], "usd")
        return sum((each.amount for each in transfers if each.debit == purse), ZERO)
    return transfers[0].amount if transfers else ZERO

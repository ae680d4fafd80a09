"""Adjustments: money that a person puts on a user's account or takes off it, with a reason."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from ledger.domain import chart
from ledger.domain.charging import pay_down_due, spent_facts
from ledger.domain.chart import Transfer
from ledger.domain.coupons import Grant
from ledger.domain.errors import InsufficientFunds
from ledger.domain.granting import deduct_grants
from ledger.domain.limits import count_alone
from ledger.domain.locked_state import Decision, LockedState
from ledger.domain.money import ZERO, Currency, text
from ledger.domain.one_user import OneUserCommand
from ledger.domain.operations import Kind
from ledger.domain.proposals import AdjustedAccount, Direction, Principal, Proposal, Role, Tier
from ledger.domain.proposing import propose


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """A change of a user's account by `amount` (8 decimals, in the account's currency).

    On `coupon`, up makes a grant without an expiry and down takes from grants in spending order. Down on a
    due account is a write-off. `about` is the operation that it corrects or completes, if there is one.
    """

    user: int
    account: AdjustedAccount
    direction: Direction
    amount: Decimal
    about: str | None = None

    @property
    def currency(self) -> Currency:
        """Return the currency of the account."""
        return chart.currency_of_name(self.account)

    def body(self) -> dict[str, Any]:
        """Return what a proposal stores of the adjustment."""
        return {
            "account": self.account,
            "direction": self.direction,
            "amount": text(self.amount),
            **({} if self.about is None else {"about": self.about}),
        }

    @classmethod
    def from_body(cls, proposal: Proposal) -> "Adjustment":
        """Return the proposed adjustment. Raises ValueError if the proposal names no user."""
        if proposal.user is None:
            raise ValueError("an adjustment is about a user")
        body = proposal.body
        return cls(
            user=proposal.user,
            account=body["account"],
            direction=body["direction"],
            amount=Decimal(body["amount"]),
            about=body.get("about"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjust(OneUserCommand):
    """Make an adjustment as `actor`, who has a role.

    The sum of what an actor moves alone in one day (UTC) and currency is at most the role's `alone_max`.
    Above it the command becomes a proposal. `made_by` is the person who made the actor's API key.
    """

    adjustment: Adjustment
    occurred_at: datetime
    actor: str
    role: Role
    tier: Tier
    reason_code: str
    made_by: str | None = None

    kind = Kind.ADJUSTMENT

    @property
    def principal(self) -> Principal:
        """Return the actor with the limits of their role."""
        return Principal(name=self.actor, role=self.role, tier=self.tier, made_by=self.made_by)

    @property
    def user(self) -> int:
        """Return the user whose account is adjusted."""
        return self.adjustment.user


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCreditLimit(OneUserCommand):
    """Set how much EAML a user may owe. None: the tariff's limit applies again.

    `tariff_limit` is that limit; planning sets it.
    """

    user: int
    limit: Decimal | None
    occurred_at: datetime
    tariff_limit: Decimal = ZERO

    kind = "credit_limit"


def adjust_or_propose(command: Adjust, locked: LockedState, *, now: datetime, event_id: str) -> Decision:
    """Make the adjustment, or a proposal if it is more than the actor may adjust alone that day.

    Raises `InsufficientFunds` if the account has less than would be taken, for a proposal too.
    """
    adjustment = command.adjustment
    decision = carry_out_adjustment(adjustment, locked, now=now, event_id=event_id)
    stake = {adjustment.currency: adjustment.amount}
    alone = count_alone(command.principal, stake, locked, now=now)
    if alone is not None:
        return replace(decision, states=(*decision.states, *alone))
    return propose(
        "adjustment",
        adjustment.body(),
        user=command.user,
        reason_code=command.reason_code,
        proposer=command.actor,
        role=command.role,
        now=now,
        event_id=event_id,
    )


def carry_out_adjustment(
    command: Adjustment, locked: LockedState, *, now: datetime, event_id: str
) -> Decision:
    """Make an adjustment that is allowed, alone or by approval.

    Raises `InsufficientFunds` if the account has less than would be taken.
    """
    own = chart.user_account(command.user, command.account)
    upward = command.direction == "up"
    grants: tuple[Grant, ...] = ()
    paid_down: list[Transfer] = []
    facts: dict[str, Any] = {} if command.about is None else {"about": command.about}
    if command.account == "coupon":
        other = chart.PROMOTIONS_USD
        if upward:
            grants = (_grant(command, now, event_id),)
        else:
            grants = deduct_grants(locked, command.user, command.amount, now=now)
            facts["spent"] = spent_facts(locked, command.user, grants)
    elif chart.is_due(command.account):
        other = (chart.MANUAL if upward else chart.LOSSES)[command.currency]
        if not upward:
            _check_available(command, locked)
    else:
        other = chart.MANUAL[command.currency]
        if upward:
            paid_down = pay_down_due(locked, command.user, command.currency, command.amount)
        else:
            _check_available(command, locked)
    # A debit raises a due, a credit raises every other account of a user.
    credits_user = upward is not chart.is_due(command.account)
    debit, credit = (other, own) if credits_user else (own, other)
    transfers = (Transfer(debit, credit, command.currency, command.amount), *paid_down)
    locked.check_balance_sizes(transfers)
    return Decision(
        type="operation.recorded",
        kind=Kind.ADJUSTMENT,
        payer=command.user,
        users=(command.user,),
        transfers=transfers,
        states=grants,
        facts=facts,
    )


def set_credit_limit(command: SetCreditLimit) -> Decision:
    """Give a user their own credit limit, or remove it."""
    return Decision(
        type="credit_limit.set",
        kind=command.kind,
        payer=command.user,
        users=(command.user,),
        stream=f"user:{command.user}",
        credit_limits={chart.user_account(command.user, "due:eaml"): command.limit},
    )


def _grant(command: Adjustment, now: datetime, event_id: str) -> Grant:
    return Grant(
        id=event_id,
        user=command.user,
        amount=command.amount,
        remaining=command.amount,
        priority=100,
        granted_at=now,
        expires_at=None,
        kinds=None,
    )


def _check_available(command: Adjustment, locked: LockedState) -> None:
    available = locked.available(command.user, command.account)
    if available < command.amount:
        raise InsufficientFunds(
            f"the adjustment takes {text(command.amount)}, and {text(available)} is available",
            currency=command.currency,
            amount=text(command.amount),
            available=text(available),
        )

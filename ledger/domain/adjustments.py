"""Adjustments: money that a person puts on an account or takes from it, with a reason."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from ledger.domain import chart
from ledger.domain.book import Book, Decision
from ledger.domain.chart import Transfer
from ledger.domain.coupons import Grant
from ledger.domain.errors import InsufficientFunds, ProposalExpired, ProposalResolved, SelfApproval
from ledger.domain.granting import take_grants
from ledger.domain.money import EAML, USD, ZERO, Currency, text
from ledger.domain.operations import Kind
from ledger.domain.proposals import Adjusted, AdjustedAccount, Direction, Proposal
from ledger.domain.settlement import settle_due, spent_facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjust:
    """Put `amount` (8 decimals, in the account's currency) on a user's account, or take it off.

    Up on `coupon` is a grant without an expiry, down takes grants in spending order; down on a due
    account is a write-off. What `actor` adjusts alone in a day (UTC) and currency stays within
    `alone_max`; above it the command becomes a proposal that is open for `proposal_valid`.
    """

    user: int
    account: AdjustedAccount
    direction: Direction
    amount: Decimal
    occurred_at: datetime
    actor: str
    reason_code: str
    alone_max: Decimal
    proposal_valid: timedelta = timedelta(days=7)

    kind = Kind.ADJUSTMENT

    @property
    def operation_user(self) -> int:
        """Whose operation it is."""
        return self.user

    @property
    def users(self) -> tuple[int, ...]:
        """Whose accounts have to be locked."""
        return (self.user,)

    @property
    def currency(self) -> Currency:
        """The currency of the account."""
        return EAML if self.account.endswith("eaml") else USD


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveProposal:
    """Approve or decline a proposal, as somebody else than who made it."""

    proposal: str
    approve: bool
    actor: str
    occurred_at: datetime

    kind = Kind.ADJUSTMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvingProposal:
    """A proposal that is resolved, whose user is known."""

    command: ResolveProposal
    proposal: Proposal

    @property
    def users(self) -> tuple[int, ...]:
        """Whose accounts have to be locked."""
        return (self.proposal.user,)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCreditLimit:
    """How much EAML a user may owe; None: the tariff's limit again."""

    user: int
    limit: Decimal | None
    occurred_at: datetime

    kind = "credit_limit"

    @property
    def operation_user(self) -> int:
        """Whose limit it is."""
        return self.user

    @property
    def users(self) -> tuple[int, ...]:
        """Whose accounts have to be locked."""
        return (self.user,)


def adjust_or_propose(command: Adjust, book: Book, *, now: datetime, event_id: str) -> Decision:
    """Adjust, or propose to where it is more than one person may adjust alone in a day.

    Raises `InsufficientFunds` where less is there than would be taken, for a proposal too.
    """
    decision = _adjust(command, book, now=now, event_id=event_id)
    alone = Adjusted(actor=command.actor, day=now.date(), currency=command.currency, amount=ZERO)
    alone = book.adjusted.get(alone.key, alone)
    alone = replace(alone, amount=alone.amount + command.amount)
    if alone.amount <= command.alone_max:
        return replace(decision, adjusted=(alone,))
    proposal = Proposal(
        id=event_id,
        user=command.user,
        account=command.account,
        direction=command.direction,
        amount=command.amount,
        reason_code=command.reason_code,
        proposer=command.actor,
        expires_at=now + command.proposal_valid,
    )
    return Decision(
        type="adjustment.proposed",
        kind=Kind.ADJUSTMENT,
        payer=command.user,
        users=(command.user,),
        proposals=(proposal,),
        stream=f"proposal:{proposal.id}",
        facts={"proposal": proposal.id, "proposer": proposal.proposer},
    )


def resolve_proposal(plan: ResolvingProposal, book: Book, *, now: datetime, event_id: str) -> Decision:
    """Do what was proposed, or decline it.

    Raises `ProposalResolved`, `ProposalExpired`, `SelfApproval`, or `InsufficientFunds` where less is
    there by now than would be taken.
    """
    command, proposal = plan.command, book.proposals[plan.proposal.id]
    if proposal.state != "open":
        raise ProposalResolved(
            f"the proposal is {proposal.state}", proposal=proposal.id, state=proposal.state
        )
    if proposal.expires_at <= now:
        raise ProposalExpired("the proposal was not approved in time", proposal=proposal.id)
    if command.approve and command.actor == proposal.proposer:
        raise SelfApproval("a proposal is approved by somebody else than who made it", proposal=proposal.id)
    after = replace(proposal, state="approved" if command.approve else "declined", resolver=command.actor)
    facts = {
        "proposal": proposal.id,
        "proposer": proposal.proposer,
        "resolver": command.actor,
        "operation_user": proposal.user,
        "reason_code": proposal.reason_code,
    }
    if not command.approve:
        return Decision(
            type="adjustment.declined",
            kind=Kind.ADJUSTMENT,
            payer=proposal.user,
            users=(proposal.user,),
            proposals=(after,),
            stream=f"proposal:{proposal.id}",
            facts=facts,
        )
    proposed = Adjust(
        user=proposal.user,
        account=proposal.account,
        direction=proposal.direction,
        amount=proposal.amount,
        occurred_at=command.occurred_at,
        actor=command.actor,
        reason_code=proposal.reason_code,
        alone_max=proposal.amount,
    )
    decision = _adjust(proposed, book, now=now, event_id=event_id)
    return replace(decision, proposals=(after,), facts={**decision.facts, **facts})


def _adjust(command: Adjust, book: Book, *, now: datetime, event_id: str) -> Decision:
    own = chart.user_account(command.user, command.account)
    upward = command.direction == "up"
    grants: tuple[Grant, ...] = ()
    settling: list[Transfer] = []
    facts: dict[str, Any] = {}
    if command.account == "coupon":
        other = chart.PROMOTIONS_USD
        if upward:
            grants = (_grant(command, now, event_id),)
        else:
            grants = take_grants(book, command.user, command.amount, now=now)
            facts["spent"] = spent_facts(book, command.user, grants)
    elif command.account in {"due:usd", "due:eaml"}:
        currency = command.account.removeprefix("due:")
        other = f"platform:manual:{currency}" if upward else f"platform:losses:{currency}"
        if not upward:
            _check_available(command, book)
    else:
        other = f"platform:manual:{command.account}"
        if upward:
            settling = settle_due(book, command.user, command.currency, command.amount)
        else:
            _check_available(command, book)
    # What a user owes grows by a debit, everything else that is his by a credit.
    into = upward is not command.account.startswith("due:")
    debit, credit = (other, own) if into else (own, other)
    transfers = (Transfer(debit, credit, command.currency, command.amount), *settling)
    book.check_room(transfers)
    return Decision(
        type="operation.recorded",
        kind=Kind.ADJUSTMENT,
        payer=command.user,
        users=(command.user,),
        transfers=transfers,
        grants=grants,
        facts=facts,
    )


def set_credit_limit(command: SetCreditLimit) -> Decision:
    """Give a user a credit limit of his own, or take it away."""
    return Decision(
        type="credit_limit.set",
        kind=command.kind,
        payer=command.user,
        users=(command.user,),
        stream=f"user:{command.user}",
        credit_limits={chart.user_account(command.user, "due:eaml"): command.limit},
    )


def _grant(command: Adjust, now: datetime, event_id: str) -> Grant:
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


def _check_available(command: Adjust, book: Book) -> None:
    available = book.available(command.user, command.account)
    if available < command.amount:
        raise InsufficientFunds(
            f"the adjustment takes {text(command.amount)}, and {text(available)} is available",
            currency=command.currency,
            amount=text(command.amount),
            available=text(available),
        )

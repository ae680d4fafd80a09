"""Approvals: a second person approves a proposal, which carries it out, or declines it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, assert_never

from ledger.domain.adjustments import Adjustment, carry_out_adjustment
from ledger.domain.closing import PeriodChange, carry_out_period_change
from ledger.domain.errors import (
    AboveRole,
    ProposalExpired,
    ProposalResolved,
    ProposalUnknown,
    SelfApproval,
)
from ledger.domain.limits import stake_text
from ledger.domain.locked_state import Decision, LockedState
from ledger.domain.money import ZERO, Currency, text
from ledger.domain.periods import Month
from ledger.domain.proposals import Proposal, Role, Subject, Tier
from ledger.domain.proposing import decline_proposal, proposal_facts
from ledger.domain.tariff_versions import publish_tariff

if TYPE_CHECKING:
    from ledger.domain.decide import Command, Plan

_AFFECTS_ALL_USERS: Final[frozenset[Subject]] = frozenset({"tariff", "period"})
"""The subjects whose changes apply to all users."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveProposal:
    """Approve or decline a proposal about a subject. The approver is never the proposer.

    `tier` says what the role of `actor` may approve. `made_by` is the person who made the API key that they
    used. `proposed` is the command of an approved proposal about a command.
    """

    proposal: str
    subject: Subject
    approve: bool
    actor: str
    role: Role
    tier: Tier
    occurred_at: datetime
    made_by: str | None = None
    proposed: "Command | None" = None

    @property
    def kind(self) -> str:
        """Return the kind that a rejection is recorded with."""
        return self.subject

    @property
    def changes_period_or_tariff(self) -> bool:
        """Return True if approving changes a period or the tariff, by which every command is decided."""
        return self.approve and self.subject in _AFFECTS_ALL_USERS


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvingProposal:
    """A proposal to be resolved. Its user, if it has one, is known. `proposed` is the plan of its command."""

    command: ResolveProposal
    proposal: Proposal
    proposed: "Plan | None" = None

    @property
    def users(self) -> tuple[int, ...]:
        """Return the users whose accounts have to be locked."""
        about = () if self.proposal.user is None else (self.proposal.user,)
        proposed = () if self.proposed is None else self.proposed.users
        return tuple(dict.fromkeys((*about, *proposed)))

    @property
    def closes(self) -> Month | None:
        """Return the month that approving would close, if any."""
        if not self.command.approve or self.proposal.subject != "period":
            return None
        change = PeriodChange.from_body(self.proposal)
        return change.month if change.action == "close" else None


def resolve_proposal(
    plan: ResolvingProposal,
    locked: LockedState,
    *,
    now: datetime,
    event_id: str,
    carry_out_command: Callable[[], tuple[Decision, Mapping[Currency, Decimal]]],
) -> Decision:
    """Carry out what was proposed, or decline it. `carry_out_command` decides a proposed command anew.

    Raises `ProposalResolved`, `ProposalExpired`, `SelfApproval`, `AboveRole`, and whatever carrying it out
    raises now.
    """
    command, proposal = plan.command, locked.proposals[plan.proposal.id]
    if proposal.state == "expired" or proposal.is_overdue(now):
        raise ProposalExpired("the proposal was not approved in time", proposal=proposal.id)
    if proposal.state != "open":
        raise ProposalResolved(
            f"the proposal is {proposal.state}", proposal=proposal.id, state=proposal.state
        )
    if not command.approve:
        return decline_proposal(proposal, resolver=command.actor)
    if proposal.proposers.intersection({command.actor, command.made_by}):
        raise SelfApproval("a proposal is approved by another person than its proposer", proposal=proposal.id)
    approved = replace(proposal, state="approved", resolver=command.actor)
    if plan.proposed is None:
        done = _carry_out(approved, command, locked, now=now, event_id=event_id)
    else:
        done, stake = carry_out_command()
        _check_tier(proposal, command, max(stake.values(), default=ZERO))
    return replace(done, states=(*done.states, approved), facts={**proposal_facts(approved), **done.facts})


def _carry_out(
    proposal: Proposal, command: ResolveProposal, locked: LockedState, *, now: datetime, event_id: str
) -> Decision:
    """Carry out the proposal according to its subject."""
    match proposal.subject:
        case "adjustment":
            adjustment = Adjustment.from_body(proposal)
            _check_tier(proposal, command, adjustment.amount)
            return carry_out_adjustment(adjustment, locked, now=now, event_id=event_id)
        case "period":
            return carry_out_period_change(proposal, locked, now=now, event_id=event_id)
        case "tariff":
            return publish_tariff(proposal, locked, now=now)
        case "command":
            raise ProposalUnknown("the proposed command is missing", proposal=proposal.id)
        case _:
            assert_never(proposal.subject)


def _check_tier(proposal: Proposal, command: ResolveProposal, amount: Decimal) -> None:
    most = command.tier.approve_max
    if most is not None and amount > most:
        raise AboveRole(
            f"the role {command.role} approves up to {text(most)}, and {stake_text(amount)} is proposed",
            proposal=proposal.id,
            role=command.role,
            amount=stake_text(amount),
            approve_max=text(most),
        )

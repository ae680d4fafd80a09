"""Make, decline and expire proposals. Approving is in `approvals`."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ledger.domain.locked_state import Decision
from ledger.domain.proposals import VALID_DAYS, Proposal, Role, Subject


def propose(
    subject: Subject,
    body: Mapping[str, Any],
    *,
    user: int | None,
    reason_code: str,
    proposer: str,
    role: Role,
    now: datetime,
    event_id: str,
) -> Decision:
    """Make a proposal, which waits for a second person. Nothing else changes."""
    proposal = Proposal(
        id=event_id,
        subject=subject,
        user=user,
        body=body,
        reason_code=reason_code,
        proposer=proposer,
        role=role,
        expires_at=now + timedelta(days=VALID_DAYS),
    )
    return _decision(proposal, "proposal.made")


def decline_proposal(proposal: Proposal, *, resolver: str) -> Decision:
    """Close the proposal without carrying it out, because a person declined it."""
    return _decision(replace(proposal, state="declined", resolver=resolver), "proposal.declined")


def expire_proposal(proposal: Proposal) -> Decision:
    """Close the proposal without carrying it out, because it was not approved in time."""
    expired = _decision(replace(proposal, state="expired"), "proposal.expired")
    return replace(expired, occurred_at=proposal.expires_at)


def proposal_facts(proposal: Proposal) -> dict[str, Any]:
    """Return the facts that every event about a proposal has."""
    facts: dict[str, Any] = {
        "proposal": proposal.id,
        "proposer": proposal.proposer,
        "reason_code": proposal.reason_code,
    }
    if proposal.resolver is not None:
        facts["resolver"] = proposal.resolver
    if proposal.user is not None:
        facts["operation_user"] = proposal.user
    return facts


def _decision(proposal: Proposal, type_: str) -> Decision:
    return Decision(
        type=type_,
        kind=proposal.subject,
        payer=proposal.user or 0,
        users=() if proposal.user is None else (proposal.user,),
        states=(proposal,),
        stream=f"proposal:{proposal.id}",
        facts=proposal_facts(proposal),
    )

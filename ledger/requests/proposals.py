"""The requests that resolve a proposal: approve it, or decline it. They are the same for every subject."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from django.conf import settings

from easyautoml_ledger.ids import Uuid
from easyautoml_ledger.text import Reason
from ledger.domain.approvals import ResolveProposal
from ledger.domain.proposals import Subject
from ledger.engine import proposed_commands
from ledger.engine.submission import Sender, Submission
from ledger.queries import proposals
from ledger.requests.body import Body
from ledger.requests.request import Page, Request, Route, Shown

PLURALS: Final[dict[Subject, str]] = {
    "adjustment": "adjustments",
    "tariff": "tariffs",
    "period": "periods",
    "command": "commands",
}
"""The subjects of proposals, and the part of the addresses under /v1 that each one's are under."""

_PROPOSAL: Final = Shown(help="ID of the proposal.")


class Approval(Body):
    """Approve a proposal about a subject."""

    subject: Subject
    proposal: Uuid


class Decline(Approval):
    """Decline a proposal, and say why."""

    reason: Reason


def _resolve(*, approve: bool) -> Callable[[Approval, Sender, datetime], ResolveProposal]:
    def command(message: Approval, sender: Sender, at: datetime) -> ResolveProposal:
        return ResolveProposal(
            proposal=str(message.proposal),
            subject=message.subject,
            approve=approve,
            actor=sender.actor,
            role=sender.role,
            tier=settings.LEDGER_ADJUST_TIERS[sender.role],
            occurred_at=at,
            made_by=sender.made_by,
        )

    return command


def _with_proposed(submission: Submission, message: Approval) -> Submission:
    """Add the proposed command to its approval, whose event has its fields and its metadata."""
    found = proposals.find(str(message.proposal)) if message.subject == "command" else None
    if found is None or found.subject != "command" or not isinstance(submission.command, ResolveProposal):
        return submission
    proposed, notes = proposed_commands.command_of(found)
    sender = submission.sender
    also = {**found.body["also"], **sender.also, "approved_by": sender.actor}
    fields = {"proposal": str(message.proposal), "verdict": "approve"}
    return replace(
        submission,
        sender=replace(sender, also=also),
        command=replace(submission.command, proposed=proposed),
        sent={**found.body["sent"], **fields},
        notes={**submission.notes, **notes},
    )


APPROVE: Final = Request(
    tag="proposal.approve",
    message=Approval,
    command=_resolve(approve=True),
    completed=_with_proposed,
    routes=tuple(
        Route(
            path=f"/{plural}/proposals/{{proposal}}/approve",
            fixed={"subject": subject},
            scope="ledger:approve",
            operation_id=f"approve_{subject}",
            summary=f"Approve a proposal about {plural}",
            description="Carry out the proposal. Its proposer never approves it.",
        )
        for subject, plural in PLURALS.items()
    ),
    page=Page(
        name="approve",
        title="Approve a proposal",
        permission="ledger.change_proposedchange",
        description="Approve a proposal of another person, which carries it out. You cannot approve your own "
        "proposals.",
        shown={"proposal": _PROPOSAL},
    ),
)

DECLINE: Final = Request(
    tag="proposal.decline",
    message=Decline,
    command=_resolve(approve=False),
    erasable=("reason",),
    routes=tuple(
        Route(
            path=f"/{plural}/proposals/{{proposal}}/decline",
            fixed={"subject": subject},
            scope="ledger:admin or ledger:approve",
            operation_id=f"decline_{subject}",
            summary=f"Decline a proposal about {plural}",
            description="Close the proposal without carrying it out. The actor and the reason are kept.",
        )
        for subject, plural in PLURALS.items()
    ),
    page=Page(
        name="decline",
        title="Decline a proposal",
        permission="ledger.change_proposedchange",
        description="Decline a proposal: nothing of it is carried out. Your name and the reason are "
        "recorded.",
        shown={"proposal": _PROPOSAL},
    ),
)

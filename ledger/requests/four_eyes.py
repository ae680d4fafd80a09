"""The commands of people who adjust, and who approve what others proposed, within what their role may do.

Every door builds them here: what a role may do is a setting, and no door's own affair.
"""

from datetime import datetime

from django.conf import settings

from ledger.domain.adjustments import Adjust, Adjustment
from ledger.domain.approvals import ResolveProposal
from ledger.domain.proposals import Role, Subject
from models.user import User


def actor_of(person: User) -> str:
    """How events name a person."""
    return f"user:{person.pk}"


def role_of(person: User) -> Role:
    """What a person of the administration may do with amounts."""
    return "super_admin" if person.is_super_admin else "staff"


def adjust_command(
    *, adjustment: Adjustment, reason_code: str, actor: str, role: Role, occurred_at: datetime
) -> Adjust:
    """An adjustment by `actor`: done, or proposed where it is more than his role adjusts alone."""
    return Adjust(
        adjustment=adjustment,
        occurred_at=occurred_at,
        actor=actor,
        role=role,
        tier=settings.LEDGER_ADJUST_TIERS[role],
        reason_code=reason_code,
    )


def resolve_command(
    *, proposal: str, subject: Subject, approve: bool, actor: str, role: Role, occurred_at: datetime
) -> ResolveProposal:
    """A proposal about the subject approved or declined by `actor`."""
    return ResolveProposal(
        proposal=proposal,
        subject=subject,
        approve=approve,
        actor=actor,
        role=role,
        tier=settings.LEDGER_ADJUST_TIERS[role],
        occurred_at=occurred_at,
    )

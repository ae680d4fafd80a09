"""Builds the commands of people who adjust balances or resolve proposals, with the limits of their role.

Every caller builds them here, because the limits of a role come from the settings.
"""

from datetime import datetime

from django.conf import settings

from ledger.domain.adjustments import Adjust, Adjustment
from ledger.domain.approvals import ResolveProposal
from ledger.domain.decide import Command
from ledger.domain.proposals import Principal, Role, Subject
from models.user import User


def actor_of(person: User) -> str:
    """Return the name of a person in events: `user:42`."""
    return f"user:{person.pk}"


def actor_of_service(source: str) -> str:
    """Return the name of a service in events: `service:/services/training`. All its keys are one actor."""
    return f"service:{source}"


def role_of(person: User) -> Role:
    """Return the role that sets how much a person of the administration may adjust and approve."""
    return "super_admin" if person.is_super_admin else "staff"


def principal(name: str, role: Role, *, made_by: str | None = None) -> Principal:
    """Return an actor with the limits of their role. `made_by` is the person who made the key they used."""
    return Principal(name=name, role=role, tier=settings.LEDGER_ADJUST_TIERS[role], made_by=made_by)


def principal_of(person: User) -> Principal:
    """Return a person of the administration with the limits of their role."""
    return principal(actor_of(person), role_of(person))


def adjust_command(
    *,
    adjustment: Adjustment,
    reason_code: str,
    actor: str,
    role: Role,
    occurred_at: datetime,
    made_by: str | None = None,
) -> Adjust:
    """Return the command for an adjustment by `actor`; above the limit of their role it is proposed."""
    return Adjust(
        adjustment=adjustment,
        occurred_at=occurred_at,
        actor=actor,
        role=role,
        tier=settings.LEDGER_ADJUST_TIERS[role],
        reason_code=reason_code,
        made_by=made_by,
    )


def resolve_command(
    *,
    proposal: str,
    subject: Subject,
    approve: bool,
    actor: str,
    role: Role,
    occurred_at: datetime,
    made_by: str | None = None,
    proposed: Command | None = None,
) -> ResolveProposal:
    """Return the command with which `actor` approves or declines a proposal about the subject."""
    return ResolveProposal(
        proposal=proposal,
        subject=subject,
        approve=approve,
        actor=actor,
        role=role,
        tier=settings.LEDGER_ADJUST_TIERS[role],
        occurred_at=occurred_at,
        made_by=made_by,
        proposed=proposed,
    )

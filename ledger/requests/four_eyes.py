"""Names, roles and limits of the people and services that give commands."""

from django.conf import settings

from ledger.domain.proposals import Principal, Role
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

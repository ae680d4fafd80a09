"""Interpretation of search terms: an id, a number, a user's address, a kind of operation."""

from uuid import UUID

from ledger.domain.operations import Kind
from models import User

_USERS_MAX = 100


def uuid_or_none(term: str) -> UUID | None:
    """Return the term as a UUID; None if it is not one."""
    try:
        return UUID(term)
    except ValueError:
        return None


def number_or_none(term: str) -> int | None:
    """Return the term as a position or an integer id; None if it is not one or exceeds 63 bits."""
    return int(term) if term.isascii() and term.isdecimal() and int(term) < 2**63 else None


def user_ids_matching(term: str) -> list[int]:
    """Return the ids of at most 100 users whose email address contains the term."""
    users = User.objects.filter(email__icontains=term).order_by("pk")
    return list(users.values_list("pk", flat=True)[:_USERS_MAX])


def kinds_matching(term: str) -> list[str]:
    """Return the kinds of operations whose names contain the term, with spaces or underscores."""
    name = term.lower().replace(" ", "_")
    return [kind.value for kind in Kind if name in kind.value]

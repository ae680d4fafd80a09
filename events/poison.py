"""Errors that one message or item brings about, and that no other of its batch has to suffer for."""

from typing import Final

from django.db import DatabaseError, InterfaceError, OperationalError

INTERNAL_ERROR: Final = "internal_error"
"""The code of a dead letter that the ledger itself is to blame for."""

POISON: Final = (DatabaseError, ArithmeticError, LookupError, TypeError, ValueError)
"""What to look at with `is_poison`. Not among them: a broken invariant, which has to end the worker."""

_PROGRAM_LIMIT: Final = "54"  # PostgreSQL's class of errors for values that are too large for it


def is_poison(error: Exception) -> bool:
    """Whether a batch fails with this error however often it is tried: not so where the database is away."""
    if isinstance(error, OperationalError):
        code = getattr(error.__cause__, "pgcode", None) or ""
        return bool(code.startswith(_PROGRAM_LIMIT))
    return isinstance(error, POISON) and not isinstance(error, InterfaceError)


def reason_of(error: Exception) -> str:
    """What a dead letter says about it."""
    return f"{type(error).__name__}: {str(error).strip()}"

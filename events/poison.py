"""Errors that a single message or item causes, and isolating it so that the rest of its batch succeeds."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError

T = TypeVar("T")
R = TypeVar("R")

INTERNAL_ERROR: Final = "internal_error"
"""The code of a dead letter that is the ledger's own fault."""

POISON: Final = (DatabaseError, ArithmeticError, LookupError, TypeError, ValueError)
"""Errors to examine with `is_poison`. A broken invariant is not among them: it must end the worker."""

_PROGRAM_LIMIT: Final = "54"  # PostgreSQL's class of errors for values that are too large for it


def is_poison(error: Exception) -> bool:
    """Return whether a batch fails with this error on every attempt, unlike when the database is away."""
    if isinstance(error, OperationalError):
        code = getattr(error.__cause__, "pgcode", None) or ""
        return bool(code.startswith(_PROGRAM_LIMIT))
    return isinstance(error, POISON) and not isinstance(error, InterfaceError)


def reason_of(error: Exception) -> str:
    """Return the reason that a dead letter gives."""
    return f"{type(error).__name__}: {str(error).strip()}"


def isolate(
    items: Sequence[T],
    attempt: Callable[[Sequence[T]], Sequence[R]],
    *,
    give_up: Callable[[T, Exception], Sequence[R]],
    causes: tuple[type[Exception], ...] = POISON,
    is_cause: Callable[[Exception], bool] = is_poison,
) -> list[R]:
    """Attempt items together; on failure attempt their halves, down to the items that cause it.

    Return the results of all attempts in order. `give_up` receives each item that fails alone, and its error.
    Errors that are not of `causes`, or for which `is_cause` is false, are raised at once.
    """
    try:
        return [*attempt(items)]
    except causes as error:
        if not is_cause(error):
            raise
        if len(items) == 1:
            return [*give_up(items[0], error)]
    middle = len(items) // 2
    return [
        result
        for half in (items[:middle], items[middle:])
        for result in isolate(half, attempt, give_up=give_up, causes=causes, is_cause=is_cause)
    ]

"""The preview of a command: what it would do, or why it is not possible."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django.utils import timezone

from ledger.domain.chart import currency_of, is_escrow, owner_of, user_account
from ledger.domain.errors import LedgerError
from ledger.domain.money import ZERO, text
from ledger.engine.submission import Outcome
from ledger.models import Account
from ledger.queries.balances import Balance, balances

_NOTHING: Final = Balance(ZERO, ZERO, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """The reason why a command is refused or rejected. `docs/errors.md` lists the codes."""

    message: str
    code: str
    position: int | None = None
    """The position of the event that records a rejection; None if nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChange:
    """An account before and after a command. Amounts are texts with 8 decimals."""

    code: str
    currency: str
    before: str
    after: str
    held: str
    available: str
    changes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The transfers and accounts of an event that was not stored."""

    transfers: Sequence[Mapping[str, str]]
    accounts: Sequence[AccountChange]
    needs_approval: bool
    """True if the command would make a proposal, which a second person has to approve."""


def preview_of(outcome: Outcome) -> Preview | None:
    """Return the preview of a quoted outcome; None if it is not possible, which `problem_of` explains."""
    event = outcome.event
    if outcome.status != "recorded" or event is None:
        return None
    return Preview(
        transfers=event.data["transfers"],
        accounts=_account_changes(event.data["accounts"]),
        needs_approval=event.type == "proposal.made",
    )


def problem_of(outcome: Outcome) -> Problem:
    """Return the problem of an outcome that is not `recorded`."""
    if outcome.event is not None:
        rejection = outcome.event.data["rejection"]
        return Problem(
            message=rejection["message"],
            code=rejection["code"],
            position=outcome.event.position or None,
        )
    if outcome.error is None:
        raise RuntimeError(f"an outcome {outcome.status} without an error")
    return problem_from(outcome.error)


def problem_from(error: LedgerError) -> Problem:
    """Return the problem of an error, for which nothing was written."""
    return Problem(message=error.message, code=error.code)


def _account_changes(accounts: Mapping[str, Mapping[str, Any]]) -> list[AccountChange]:
    before = _current_balances(accounts)
    changes = []
    for code, after in accounts.items():
        old = before.get(code, _NOTHING)
        balance, held = Decimal(after["balance"]), Decimal(after["held"])
        changes.append(
            AccountChange(
                code=code,
                currency=currency_of(code),
                before=text(old.balance),
                after=text(balance),
                held=text(held),
                available=text(balance - held),
                changes=(balance, held) != (old.balance, old.held),
            )
        )
    return changes


def _current_balances(codes: Iterable[str]) -> dict[str, Balance]:
    """Return the balances now, less what is overdue: Note [Overdue] in `ledger.queries.balances`."""
    now = timezone.now()
    found: dict[str, Balance] = {}
    for code, balance, held, version in Account.objects.filter(
        code__in=[code for code in codes if is_escrow(code)]
    ).values_list("code", "balance", "held", "version"):
        found[code] = Balance(balance, held, version)
    for user in {owner for code in codes if (owner := owner_of(code)) is not None}:
        known = balances(user, at=now)
        if known is not None:
            found |= {user_account(user, name): balance for name, balance in known.accounts.items()}
    return found

"""What a command would come to, for people to read before they confirm it."""

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
class Refusal:
    """Why it is not possible: what people read, and the code that `docs/errors.md` lists."""

    message: str
    code: str
    position: int | None = None
    """Of the event, where the refusal was recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """An account before and after. Amounts have 8 decimals."""

    code: str
    currency: str
    before: str
    after: str
    held: str
    available: str
    changes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The transfers and accounts of an event that was not stored. `waits`: it would be a proposal."""

    transfers: Sequence[Mapping[str, str]]
    accounts: Sequence[Moved]
    waits: bool


def preview_of(outcome: Outcome) -> Preview | None:
    """What would happen; None where nothing would, which `refusal_of` explains."""
    event = outcome.event
    if outcome.status != "recorded" or event is None:
        return None
    return Preview(
        transfers=event.data["transfers"],
        accounts=_moved(event.data["accounts"]),
        waits=event.type == "proposal.made",
    )


def refusal_of(outcome: Outcome) -> Refusal:
    """Why an outcome is not recorded."""
    if outcome.event is not None:
        said = outcome.event.data["rejection"]
        return Refusal(
            message=said["message"],
            code=said["code"],
            position=outcome.event.position or None,
        )
    if outcome.error is None:
        raise RuntimeError(f"an outcome {outcome.status} without an error")
    return refusal_by(outcome.error)


def refusal_by(error: LedgerError) -> Refusal:
    """Why it is not possible, where nothing was written."""
    return Refusal(message=error.message, code=error.code)


def _moved(accounts: Mapping[str, Mapping[str, Any]]) -> list[Moved]:
    before = _before(accounts)
    moved = []
    for code, after in accounts.items():
        was = before.get(code, _NOTHING)
        balance, held = Decimal(after["balance"]), Decimal(after["held"])
        moved.append(
            Moved(
                code=code,
                currency=currency_of(code),
                before=text(was.balance),
                after=text(balance),
                held=text(held),
                available=text(balance - held),
                changes=(balance, held) != (was.balance, was.held),
            )
        )
    return moved


def _before(codes: Iterable[str]) -> dict[str, Balance]:
    """What accounts have now, those of users as of the time: Note [Overdue] in `ledger.queries.balances`."""
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

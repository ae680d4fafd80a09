"""The entries of an event: a pure function of the event alone."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from ledger.domain.chart import CREDIT, DEBIT, Side, side_of
from ledger.domain.money import text


class EntryLine(NamedTuple):
    """One side of a transfer. Amounts are decimal strings with 8 places.

    `balance_after` and `version` are those of the account after this entry; None for platform accounts.
    """

    transfer: int
    side: Side
    account: str
    currency: str
    amount: str
    balance_after: str | None
    version: int | None


def entries(
    transfers: Sequence[Mapping[str, str]],
    accounts: Mapping[str, Mapping[str, Any]],
) -> list[EntryLine]:
    """Return the entries of an event's `transfers`. `accounts` has the state after the last transfer.

    The event stores the state of each account once. The state after an earlier entry of the same
    operation is computed backwards from it.
    """
    later: dict[str, tuple[Side, str, str, int]] = {}
    lines: list[EntryLine] = []
    for number in range(len(transfers), 0, -1):
        transfer = transfers[number - 1]
        amount, currency = transfer["amount"], transfer["currency"]
        sides: tuple[tuple[Side, str], ...] = ((CREDIT, transfer["credit"]), (DEBIT, transfer["debit"]))
        for side, code in sides:
            if code in later:
                balance, version = _before(code, *later[code])
            elif code in accounts:
                balance, version = accounts[code]["balance"], accounts[code]["version"]
            else:
                lines.append(EntryLine(number, side, code, currency, amount, None, None))
                continue
            lines.append(EntryLine(number, side, code, currency, amount, balance, version))
            later[code] = side, amount, balance, version
    lines.reverse()
    return lines


def _before(code: str, side: Side, amount: str, balance: str, version: int) -> tuple[str, int]:
    """Return the balance and version of an account before the entry that led to these."""
    change = Decimal(amount) if increases(code, side) else -Decimal(amount)
    return text(Decimal(balance) - change), version - 1


def increases(code: str, side: Side) -> bool:
    """Return True if an entry on this side raises the balance of the account."""
    return side == side_of(code)

"""Adjustments: money that a person puts on an account or takes from it, with a reason."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias

from ledger.domain import chart
from ledger.domain.book import Book
from ledger.domain.chart import Transfer
from ledger.domain.errors import InsufficientFunds
from ledger.domain.money import EAML, USD, ZERO, Currency, text
from ledger.domain.operations import Kind
from ledger.domain.settlement import settle_due

Direction: TypeAlias = Literal["up", "down"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjust:
    """Put `amount` (8 decimals, in the account's currency) on a user's account, or take it off."""

    user: int
    account: Literal["usd", "eaml"]
    direction: Direction
    amount: Decimal
    occurred_at: datetime

    kind = Kind.ADJUSTMENT
    machine = None

    @property
    def operation_user(self) -> int:
        """Whose operation it is."""
        return self.user

    @property
    def users(self) -> tuple[int, ...]:
        """Whose accounts have to be locked."""
        return (self.user,)

    @property
    def currency(self) -> Currency:
        """The currency of the account."""
        return USD if self.account == "usd" else EAML


def settle_adjustment(command: Adjust, book: Book) -> tuple[Transfer, ...]:
    """The transfers of an adjustment. Raises `InsufficientFunds` where less is available than is taken."""
    own = chart.user_account(command.user, command.account)
    manual = f"platform:manual:{command.account}"
    if command.direction == "up":
        transfers = [
            Transfer(manual, own, command.currency, command.amount),
            *settle_due(book, command.user, command.currency, command.amount),
        ]
        book.check_room(transfers)
        return tuple(transfers)
    available = book.available(command.user, command.account)
    if available < command.amount or command.amount <= ZERO:
        raise InsufficientFunds(
            f"the adjustment takes {text(command.amount)}, and {text(available)} is available",
            currency=command.currency,
            amount=text(command.amount),
            available=text(available),
        )
    return (Transfer(own, manual, command.currency, command.amount),)

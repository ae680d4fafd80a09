"""Adjustments: money that a person puts on an account or takes from it, with a reason."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias

from ledger.domain import chart
from ledger.domain.book import Book, Decision
from ledger.domain.chart import Transfer
from ledger.domain.coupons import Grant
from ledger.domain.errors import InsufficientFunds
from ledger.domain.granting import take_grants
from ledger.domain.money import EAML, USD, Currency, text
from ledger.domain.operations import Kind
from ledger.domain.settlement import settle_due

Direction: TypeAlias = Literal["up", "down"]
AdjustedAccount: TypeAlias = Literal["usd", "eaml", "coupon", "due:usd", "due:eaml"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjust:
    """Put `amount` (8 decimals, in the account's currency) on a user's account, or take it off.

    Up on `coupon` is a grant without an expiry, down takes grants in spending order; down on a due
    account is a write-off.
    """

    user: int
    account: AdjustedAccount
    direction: Direction
    amount: Decimal
    occurred_at: datetime

    kind = Kind.ADJUSTMENT

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
        return EAML if self.account.endswith("eaml") else USD


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCreditLimit:
    """How much EAML a user may owe; None: the tariff's limit again."""

    user: int
    limit: Decimal | None
    occurred_at: datetime

    kind = "credit_limit"

    @property
    def operation_user(self) -> int:
        """Whose limit it is."""
        return self.user

    @property
    def users(self) -> tuple[int, ...]:
        """Whose accounts have to be locked."""
        return (self.user,)


def adjust(command: Adjust, book: Book, *, now: datetime, event_id: str) -> Decision:
    """What an adjustment comes to. Raises `InsufficientFunds` where less is there than is taken."""
    own = chart.user_account(command.user, command.account)
    upward = command.direction == "up"
    grants: tuple[Grant, ...] = ()
    settling: list[Transfer] = []
    if command.account == "coupon":
        other = chart.PROMOTIONS_USD
        grants = (
            (_grant(command, now, event_id),)
            if upward
            else take_grants(book, command.user, command.amount, now=now)
        )
    elif command.account in {"due:usd", "due:eaml"}:
        currency = command.account.removeprefix("due:")
        other = f"platform:manual:{currency}" if upward else f"platform:losses:{currency}"
        if not upward:
            _check_available(command, book)
    else:
        other = f"platform:manual:{command.account}"
        if upward:
            settling = settle_due(book, command.user, command.currency, command.amount)
        else:
            _check_available(command, book)
    # What a user owes grows by a debit, everything else that is his by a credit.
    into = upward is not command.account.startswith("due:")
    debit, credit = (other, own) if into else (own, other)
    transfers = (Transfer(debit, credit, command.currency, command.amount), *settling)
    book.check_room(transfers)
    return Decision(
        type="operation.recorded",
        kind=Kind.ADJUSTMENT,
        payer=command.user,
        users=(command.user,),
        transfers=transfers,
        grants=grants,
    )


def set_credit_limit(command: SetCreditLimit) -> Decision:
    """Give a user a credit limit of his own, or take it away."""
    return Decision(
        type="credit_limit.set",
        kind=command.kind,
        payer=command.user,
        users=(command.user,),
        stream=f"user:{command.user}",
        credit_limits={chart.user_account(command.user, "due:eaml"): command.limit},
    )


def _grant(command: Adjust, now: datetime, event_id: str) -> Grant:
    return Grant(
        id=event_id,
        user=command.user,
        amount=command.amount,
        remaining=command.amount,
        priority=100,
        granted_at=now,
        expires_at=None,
        kinds=None,
    )


def _check_available(command: Adjust, book: Book) -> None:
    available = book.available(command.user, command.account)
    if available < command.amount:
        raise InsufficientFunds(
            f"the adjustment takes {text(command.amount)}, and {text(available)} is available",
            currency=command.currency,
            amount=text(command.amount),
            available=text(available),
        )

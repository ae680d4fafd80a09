"""Payouts: money of a user that is on its way to his bank, until it is paid or has failed."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

from ledger.domain.chart import user_account

PayoutState: TypeAlias = Literal["requested", "paid", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """USD of a user that was asked for, with 8 decimals: `remaining` of `amount` is still set aside."""

    id: str
    user: int
    amount: Decimal
    remaining: Decimal
    state: PayoutState

    @property
    def account(self) -> str:
        """The account that the money is set aside on."""
        return user_account(self.user, "usd")

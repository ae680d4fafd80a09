"""Payouts: money of a user on its way to their bank, until the payout is paid or has failed."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

from ledger.domain.chart import user_account

PayoutState: TypeAlias = Literal["requested", "paid", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """A payout of `amount` (USD, 8 decimals) to a user. `remaining` of it is still set aside."""

    id: str
    user: int
    amount: Decimal
    remaining: Decimal
    state: PayoutState

    @property
    def account(self) -> str:
        """Return the code of the account that the money is set aside on."""
        return user_account(self.user, "usd")

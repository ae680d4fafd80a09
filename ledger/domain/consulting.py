"""Consulting offers and contracts. The money of a contract is in escrow until the contract ends."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

from ledger.domain.chart import escrow_account

ContractState: TypeAlias = Literal["signed", "finished", "split", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A consulting request as it is stored. `amount` is USD with 8 decimals.

    `waits` is True if the consultant was asked and may approve. Fields that are not filled in yet are None.
    """

    request: int
    client: int | None
    consultant: int | None
    amount: Decimal | None
    waits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A consulting request that became a contract. `remaining` of `amount` (USD) is still in escrow.

    `commission_rate`, the fraction that the platform keeps, is fixed at signing.
    """

    id: int
    client: int
    consultant: int
    amount: Decimal
    remaining: Decimal
    commission_rate: Decimal
    state: ContractState

    @property
    def account(self) -> str:
        """Return the code of the escrow account."""
        return escrow_account(self.id)

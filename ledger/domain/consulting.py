"""Consulting: what is offered and what was signed. The money of a contract waits in escrow."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

from ledger.domain.chart import escrow_account

ContractState: TypeAlias = Literal["signed", "finished", "split", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A consulting request as its row stands. `amount` is USD with 8 decimals.

    `waits` says whether the consultant was asked and may approve. What nobody has entered yet is None.
    """

    request: int
    client: int | None
    consultant: int | None
    amount: Decimal | None
    waits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A consulting request that became a contract. `remaining` of `amount` (USD) is still in escrow.

    The fraction that the platform keeps is pinned when it is signed.
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
        """The account that the money waits on."""
        return escrow_account(self.id)

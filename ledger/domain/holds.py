"""Holds: money set aside for work that is about to run, until the hold is captured, voided or expires."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from ledger.domain.chart import user_account
from ledger.domain.money import ZERO

HoldState: TypeAlias = Literal["open", "captured", "voided", "expired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """EAML of one payer set aside. Payer, tariff and prices are fixed when the hold is placed.

    `amount` was set aside and `remaining` still is. `captured` was paid by captures, for
    `captured_quantity` cells or lines. `pricing` is what captures are priced by: tariff, unit price or
    bands, and for a training the columns and whether epochs count.
    """

    id: str
    user: int
    operation_user: int
    machine: int
    machine_owner: int
    kind: str
    amount: Decimal
    remaining: Decimal
    captured: Decimal
    captured_quantity: int
    pricing: Mapping[str, Any]
    expires_at: datetime
    state: HoldState

    @property
    def account(self) -> str:
        """Return the code of the account that the money is set aside on."""
        return user_account(self.user, "eaml")

    def is_overdue(self, at: datetime) -> bool:
        """Return True if the hold is still open after its expiry."""
        return self.state == "open" and self.expires_at <= at

    def as_of(self, at: datetime) -> "Hold":
        """Return the hold as it is shown at a time: an overdue hold is shown as expired, swept or not."""
        return replace(self, state="expired", remaining=ZERO) if self.is_overdue(at) else self

"""Builds the command for a step of a consulting contract, for the ORM and for requests."""

from datetime import datetime
from decimal import Decimal
from typing import cast

from ledger.domain.contracting import EndContract, SignContract, Step


def step_command(
    contract: int, step: str, amount: Decimal | None, *, now: datetime
) -> SignContract | EndContract:
    """Return the command of a step: `contract`, `finish`, `split` or `cancel`. `amount` (USD): a split's."""
    if step == "contract":
        return SignContract(contract=contract, occurred_at=now)
    return EndContract(contract=contract, step=cast("Step", step), amount=amount, occurred_at=now)

"""The limit of what one principal moves alone in a day. Above it, a second person has to approve."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from ledger.domain.locked_state import LockedState
from ledger.domain.money import ZERO, Currency, text
from ledger.domain.proposals import Adjusted, Principal


def count_alone(
    principal: Principal, stake: Mapping[Currency, Decimal], locked: LockedState, *, now: datetime
) -> tuple[Adjusted, ...] | None:
    """Return the principal's sums of the day (UTC) with this stake added; None if one would be too large.

    The stake also counts for the person who made the principal's key.
    """
    counted = []
    for name in principal.names:
        for currency, amount in stake.items():
            alone = Adjusted(actor=name, day=now.date(), currency=currency, amount=ZERO)
            alone = locked.adjusted.get(alone.key, alone)
            if amount > ZERO:
                counted.append(replace(alone, amount=alone.amount + amount))
    within = all(each.amount <= principal.tier.alone_max for each in counted)
    return tuple(counted) if within else None


def stake_text(amount: Decimal) -> str:
    """Return a stake as text, with 8 decimals: `unlimited` for that of a code without a maximum."""
    return text(amount) if amount.is_finite() else "unlimited"

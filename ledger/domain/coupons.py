"""Coupons: promotional credit as grants with an amount, an expiry, a priority and a scope."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from ledger.domain.money import ZERO

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Promotional credit of one user. `remaining` of `amount` (USD, 8 decimals) is not spent yet.

    A lower `priority` is spent first. `kinds` are the operations that it may pay; None: all that pay the
    platform. From `expires_at` on it is worth nothing.
    """

    id: str
    user: int
    amount: Decimal
    remaining: Decimal
    priority: int
    granted_at: datetime
    expires_at: datetime | None
    kinds: tuple[str, ...] | None
    code: str | None = None

    def is_live(self, at: datetime) -> bool:
        """Return True if the grant can be spent at that time."""
        return self.remaining > ZERO and (self.expires_at is None or at < self.expires_at)

    def is_expired(self, at: datetime) -> bool:
        """Return True if the grant has expired with something left."""
        return self.remaining > ZERO and self.expires_at is not None and self.expires_at <= at

    def pays(self, kind: str) -> bool:
        """Return True if the grant may pay operations of a kind."""
        return self.kinds is None or kind in self.kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A coupon code that each user may redeem once. `amount` is USD with 8 decimals.

    The grant that it gives expires `valid_days` after redeeming (None: never). The code can be redeemed
    until `redeem_until`, and by at most `redemptions_max` users (None: no limit).
    """

    code: str
    amount: Decimal
    priority: int
    kinds: tuple[str, ...] | None
    valid_days: int | None
    redeem_until: datetime | None
    redemptions_max: int | None
    redemptions: int = 0
    withdrawn_at: datetime | None = None
    """From when on it cannot be redeemed any more, although it would still be valid."""
    redeemed_by: frozenset[int] = frozenset()
    """The users of this batch who have redeemed it."""


def in_spending_order(grants: Iterable[Grant]) -> list[Grant]:
    """Return the grants by priority, then by expiry, then by the time they were granted."""
    return sorted(
        grants,
        key=lambda grant: (grant.priority, grant.expires_at or _NEVER, grant.granted_at, grant.id),
    )


def live_amount(grants: Iterable[Grant], at: datetime, kind: str | None = None) -> Decimal:
    """Return what a user's grants are worth at a time (USD), for one kind of operation or for any."""
    return sum(
        (grant.remaining for grant in grants if grant.is_live(at) and (kind is None or grant.pays(kind))),
        ZERO,
    )


def spend(grants: Iterable[Grant], kind: str, amount: Decimal, at: datetime) -> tuple[Grant, ...]:
    """Spend up to `amount` on an operation; return the changed grants in spending order."""
    left, changed = amount, []
    for grant in in_spending_order(grants):
        if left == ZERO:
            break
        if grant.is_live(at) and grant.pays(kind):
            part = min(left, grant.remaining)
            changed.append(replace(grant, remaining=grant.remaining - part))
            left -= part
    return tuple(changed)


def spent_by_grant(before: Iterable[Grant], after: Sequence[Grant]) -> dict[str, Decimal]:
    """Return how much was spent of each grant, in the order of `after`."""
    remaining = {grant.id: grant.remaining for grant in before}
    return {grant.id: remaining[grant.id] - grant.remaining for grant in after}

"""Four eyes: what one person proposes and another approves, and how much somebody does alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

Direction: TypeAlias = Literal["up", "down"]
AdjustedAccount: TypeAlias = Literal["usd", "eaml", "coupon", "due:usd", "due:eaml"]
Subject: TypeAlias = Literal["adjustment", "tariff", "period"]
Role: TypeAlias = Literal["staff", "super_admin"]
ProposalState: TypeAlias = Literal["open", "approved", "declined", "expired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """What people of a role may do with amounts, in the currency of the account.

    `alone_max` is what one of them adjusts alone in a day (UTC) and currency, `approve_max` the highest
    amount that he approves; None: any.
    """

    alone_max: Decimal
    approve_max: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What waits for a second person. `body` says enough to do it: JSON values, amounts as strings.

    `user` is whose accounts it is about, if anybody's; `role` is the proposer's.
    """

    id: str
    subject: Subject
    user: int | None
    body: Mapping[str, Any]
    reason_code: str
    proposer: str
    role: Role
    expires_at: datetime
    state: ProposalState = "open"
    resolver: str | None = None

    def is_overdue(self, now: datetime) -> bool:
        """Whether it is open though its time is over."""
        return self.state == "open" and self.expires_at <= now


VALID_DAYS: Final = 7
"""How long a proposal is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """What one person adjusted alone on one day (UTC), up and down together, in one currency."""

    actor: str
    day: date
    currency: str
    amount: Decimal

    @property
    def key(self) -> str:
        """What it is kept under."""
        return f"{self.day.isoformat()} {self.currency} {self.actor}"

"""Four eyes: what one person proposes and another approves, and how much somebody adjusted in a day."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, TypeAlias

Direction: TypeAlias = Literal["up", "down"]
AdjustedAccount: TypeAlias = Literal["usd", "eaml", "coupon", "due:usd", "due:eaml"]
ProposalState: TypeAlias = Literal["open", "approved", "declined"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An adjustment that waits for a second person. `amount` is in the account's currency, 8 decimals."""

    id: str
    user: int
    account: AdjustedAccount
    direction: Direction
    amount: Decimal
    reason_code: str
    proposer: str
    expires_at: datetime
    state: ProposalState = "open"
    resolver: str | None = None


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

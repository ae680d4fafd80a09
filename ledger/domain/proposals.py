"""Four eyes: changes that one person proposes and another approves, and what a person adjusts alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

Direction: TypeAlias = Literal["up", "down"]
AdjustedAccount: TypeAlias = Literal["usd", "eaml", "coupon", "due:usd", "due:eaml"]
Subject: TypeAlias = Literal["adjustment", "tariff", "period", "command"]
Role: TypeAlias = Literal["staff", "super_admin"]
ProposalState: TypeAlias = Literal["open", "approved", "declined", "expired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """The limits of a role, in the currency of the account.

    `alone_max` is the sum that a person adjusts alone in one day (UTC) and currency, `approve_max` the
    highest amount that a person approves (None: no limit).
    """

    alone_max: Decimal
    approve_max: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A person or service whose commands are limited: `user:42` or `service:/services/training`.

    `made_by` is the person who made the API key that it used. A key and its maker count as one.
    """

    name: str
    role: Role
    tier: Tier
    made_by: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names under which its commands are counted."""
        return (self.name,) if self.made_by in {None, self.name} else (self.name, str(self.made_by))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A change that waits for a second person.

    `body` has everything needed to carry it out: JSON values, amounts as strings. `user` is the user whose
    accounts it is about, if any; `role` is the proposer's. `made_by` is the person who made the API key that
    the proposer used.
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
    made_by: str | None = None

    @property
    def proposers(self) -> frozenset[str]:
        """Return the names of those who do not approve it."""
        return frozenset({self.proposer, self.made_by or self.proposer})

    def is_overdue(self, now: datetime) -> bool:
        """Return True if the proposal is still open after its expiry."""
        return self.state == "open" and self.expires_at <= now


VALID_DAYS: Final = 7
"""The days until an open proposal expires."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """The sum of what one principal's commands moved without approval on one day (UTC) in one currency."""

    actor: str
    day: date
    currency: str
    amount: Decimal

    @property
    def key(self) -> str:
        """Return the key that it is stored under."""
        return f"{self.day.isoformat()} {self.currency} {self.actor}"

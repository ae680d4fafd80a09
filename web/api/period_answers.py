"""Shapes of the answers about periods, and the functions that render them, named after their shapes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType

from easyautoml_ledger.times import time_text
from ledger.domain import periods as domain
from ledger.domain.money import text
from ledger.queries import periods as queries
from web.api.shapes import AmountText, Currency

PeriodState = TypeAliasType("PeriodState", Literal["closed", "open"])


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Period(_Shape):
    """A month (UTC) that was closed. If it is `open`, it was reopened later."""

    period: str = Field(examples=["2026-10"])
    state: PeriodState
    version: int = Field(description="The number of times that it was closed or reopened.")
    starts_at: datetime
    ends_at: datetime
    changed_at: datetime
    event: UUID = Field(description="The event that last closed or reopened it.")
    settled: int = Field(description="The settled position of the log when it was closed.")
    proposer: str
    resolver: str


class Periods(_Shape):
    """Periods that were closed, newest first. `closed_until` is null if no period is closed.

    An operation that occurred before `closed_until` counts from the time it is recorded.
    """

    closed_until: datetime | None
    items: list[Period]


class PeriodTotal(_Shape):
    """A platform account, or all users' accounts of one kind, at the end of the month."""

    account: str = Field(examples=["platform:revenue:eaml", "user:usd"])
    currency: Currency
    debits: AmountText
    credits: AmountText


class PeriodWithTotals(Period):
    """A period with all debits and credits up to its end. An open period has no totals."""

    totals: list[PeriodTotal]


class FrozenBalance(_Shape):
    """An account at the end of the month. `balance` counts on the side that increases the account."""

    account: str
    currency: Currency
    debits: AmountText
    credits: AmountText
    balance: AmountText


class PeriodBalances(_Shape):
    """Accounts that were used by then. `next` is the cursor of the next page, null on the last page."""

    period: str
    items: list[FrozenBalance]
    next: str | None


def periods(closed: datetime | None, found: Sequence[domain.Period]) -> dict[str, Any]:
    return {
        "closed_until": None if closed is None else time_text(closed),
        "items": [_period(each) for each in found],
    }


def period_with_totals(found: domain.Period) -> dict[str, Any]:
    totals = [
        {
            "account": total.account,
            "currency": total.currency,
            "debits": text(total.debits),
            "credits": text(total.credits),
        }
        for total in found.totals
    ]
    return {**_period(found), "totals": totals}


def frozen_balance(found: queries.FrozenBalance) -> dict[str, Any]:
    return {
        "account": found.account,
        "currency": found.currency,
        "debits": text(found.debits),
        "credits": text(found.credits),
        "balance": text(found.balance),
    }


def _period(found: domain.Period) -> dict[str, Any]:
    return {
        "period": str(found.month),
        "state": found.state,
        "version": found.version,
        "starts_at": time_text(found.month.starts_at),
        "ends_at": time_text(found.month.ends_at),
        "changed_at": time_text(found.changed_at),
        "event": found.event,
        "settled": found.settled,
        "proposer": found.proposer,
        "resolver": found.resolver,
    }

"""Periods: calendar months (UTC) that are closed, so that what was reported of them does not change."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Literal, NamedTuple, Self, TypeAlias

PeriodState: TypeAlias = Literal["open", "closed"]

MONTH_PATTERN: Final = "2[0-9]{3}-(0[1-9]|1[0-2])"
_MONTHS: Final = 12
_is_month = re.compile(MONTH_PATTERN).fullmatch


class Month(NamedTuple):
    """A calendar month, UTC. Written `2026-10`; compares by time."""

    year: int
    number: int

    @classmethod
    def of(cls, time: datetime) -> Self:
        """Return the month that a time is in."""
        at = time.astimezone(UTC)
        return cls(at.year, at.month)

    @classmethod
    def parse(cls, written: str) -> Self:
        """Parse `2026-10`. Raises ValueError for anything else."""
        if not _is_month(written):
            raise ValueError(f"{written!r} is not a month as in 2026-10")
        return cls(int(written[:4]), int(written[5:]))

    @property
    def starts_at(self) -> datetime:
        """Return the first moment of the month."""
        return datetime(self.year, self.number, 1, tzinfo=UTC)

    @property
    def ends_at(self) -> datetime:
        """Return the first moment of the next month."""
        return self.next.starts_at

    @property
    def next(self) -> Self:
        """Return the next month."""
        made = type(self)
        return made(self.year + 1, 1) if self.number == _MONTHS else made(self.year, self.number + 1)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"


class Total(NamedTuple):
    """The totals of a platform account, or of all users' accounts of a kind, at the end of a month."""

    account: str
    currency: str
    debits: Decimal
    credits: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A month that was closed, and perhaps reopened since. `version` counts both."""

    month: Month
    state: PeriodState
    version: int
    changed_at: datetime
    event: str
    """The event that closed or reopened it."""
    settled: int
    """The settled position when it was closed."""
    proposer: str
    resolver: str
    totals: tuple[Total, ...] = ()
    """The totals at the end of the month, while the period is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthEnd:
    """The facts that closing a month depends on, read while no other batch posts.

    `grants` and `holds` count those that expired in the month or before it and were not swept yet.
    """

    month: Month
    grants: int
    holds: int
    settled: int
    totals: tuple[Total, ...]


def closed_until(periods: Iterable[Period]) -> datetime | None:
    """Return the time before which everything is closed; None if no period was ever closed.

    Closing the first month also closed all time before it. That stays closed when the month is reopened.
    """
    known = list(periods)
    closed = [period.month.ends_at for period in known if period.state == "closed"]
    if closed:
        return max(closed)
    return min((period.month.starts_at for period in known), default=None)


def effective_at(occurred_at: datetime, *, recorded_at: datetime, closed: datetime | None) -> datetime:
    """Return when an operation is effective: when it occurred, or when it was recorded if that is closed."""
    return occurred_at if closed is None or occurred_at >= closed else recorded_at

"""Periods: calendar months (UTC) whose books are closed, so that what was reported of them stays."""

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
        """The month that a time is in."""
        at = time.astimezone(UTC)
        return cls(at.year, at.month)

    @classmethod
    def parse(cls, written: str) -> Self:
        """`2026-10`. Raises ValueError for anything else."""
        if not _is_month(written):
            raise ValueError(f"{written!r} is not a month as in 2026-10")
        return cls(int(written[:4]), int(written[5:]))

    @property
    def starts_at(self) -> datetime:
        """Its first moment."""
        return datetime(self.year, self.number, 1, tzinfo=UTC)

    @property
    def ends_at(self) -> datetime:
        """The first moment of the next one."""
        return self.next.starts_at

    @property
    def next(self) -> Self:
        """The month after it."""
        made = type(self)
        return made(self.year + 1, 1) if self.number == _MONTHS else made(self.year, self.number + 1)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"


class Total(NamedTuple):
    """What an account of the platform, or all users' accounts of a kind, has by the end of a month."""

    account: str
    currency: str
    debits: Decimal
    credits: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A month that was closed, and perhaps opened again since. `version` counts both."""

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
    """As of its end, while it is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthEnd:
    """What closing a month looks at, read while nobody else posts.

    `grants` and `holds` are those that expired in it or before and were not swept yet.
    """

    month: Month
    grants: int
    holds: int
    settled: int
    totals: tuple[Total, ...]


def closed_until(periods: Iterable[Period]) -> datetime | None:
    """Up to which moment the books are closed; None: from the beginning of time nothing is.

    The first month that was ever closed took what came before it along, and that stays closed when it
    is reopened.
    """
    known = list(periods)
    closed = [period.month.ends_at for period in known if period.state == "closed"]
    if closed:
        return max(closed)
    return min((period.month.starts_at for period in known), default=None)


def effective_at(occurred_at: datetime, *, recorded_at: datetime, closed: datetime | None) -> datetime:
    """When an operation counts for the books: when it occurred, if that is in no closed period."""
    return occurred_at if closed is None or occurred_at >= closed else recorded_at

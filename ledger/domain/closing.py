"""Close a period, or reopen it: always proposed by one person and approved by another."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias

from ledger.domain.errors import PeriodClosed, PeriodNotOver, PeriodNotSwept, PeriodOpen, PeriodOutOfOrder
from ledger.domain.locked_state import Decision, LockedState
from ledger.domain.periods import Month, Period
from ledger.domain.proposals import Proposal, Role
from ledger.domain.proposing import propose

PeriodAction: TypeAlias = Literal["close", "reopen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodChange:
    """A month that is to be closed or reopened."""

    action: PeriodAction
    month: Month

    def body(self) -> dict[str, Any]:
        """Return what a proposal stores of the change."""
        return {"action": self.action, "period": str(self.month)}

    @classmethod
    def from_body(cls, proposal: Proposal) -> "PeriodChange":
        """Return the proposed change."""
        return cls(action=proposal.body["action"], month=Month.parse(proposal.body["period"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePeriod:
    """Propose to close a month or reopen it, as `actor`, who has a role."""

    change: PeriodChange
    occurred_at: datetime
    actor: str
    role: Role
    reason_code: str

    kind = "period"
    users: tuple[int, ...] = ()


def propose_period_change(
    command: ChangePeriod, locked: LockedState, *, now: datetime, event_id: str
) -> Decision:
    """Make the proposal. Raises what `check_period_change` does."""
    check_period_change(command.change, locked, now=now)
    return propose(
        "period",
        command.change.body(),
        user=None,
        reason_code=command.reason_code,
        proposer=command.actor,
        role=command.role,
        now=now,
        event_id=event_id,
    )


def carry_out_period_change(
    proposal: Proposal, locked: LockedState, *, now: datetime, event_id: str
) -> Decision:
    """Carry out the approved change. Raises what `check_period_change` does, and `PeriodNotSwept`."""
    change = PeriodChange.from_body(proposal)
    check_period_change(change, locked, now=now)
    month, known = change.month, locked.periods.get(str(change.month))
    after = Period(
        month=month,
        state="open",
        version=1 if known is None else known.version + 1,
        changed_at=now,
        event=event_id,
        settled=0 if known is None else known.settled,
        proposer=proposal.proposer,
        resolver=str(proposal.resolver),
    )
    if change.action == "close":
        after = _closed(after, locked)
    return Decision(
        type="period.closed" if change.action == "close" else "period.reopened",
        kind="period",
        payer=0,
        users=(),
        states=(after,),
        stream=f"period:{month}",
        facts={"period": str(month)},
    )


def check_period_change(change: PeriodChange, locked: LockedState, *, now: datetime) -> None:
    """Check that the month may be closed, or reopened, next.

    Months close in order once they are over, and reopen in reverse order. Raises `PeriodNotOver`,
    `PeriodClosed`, `PeriodOpen` or `PeriodOutOfOrder`.
    """
    if change.action == "close":
        _check_close(change.month, locked, now)
    else:
        _check_reopen(change.month, locked)


def _check_close(month: Month, locked: LockedState, now: datetime) -> None:
    closed = locked.closed_until
    if now < month.ends_at:
        raise PeriodNotOver(f"{month} is not over", period=str(month), ends_at=month.ends_at.isoformat())
    if closed is not None and month.ends_at <= closed:
        raise PeriodClosed(f"{month} is closed", period=str(month))
    if closed is not None and month.starts_at != closed:
        next_ = Month.of(closed)
        raise PeriodOutOfOrder(f"{next_} closes before {month}", period=str(month), next=str(next_))


def _check_reopen(month: Month, locked: LockedState) -> None:
    closed = locked.closed_until
    if closed is None or closed < month.ends_at:
        raise PeriodOpen(f"{month} is open", period=str(month))
    last = max((each.month for each in locked.periods.values() if each.state == "closed"), default=None)
    if month != last:
        raise PeriodOutOfOrder(
            f"only the last closed month can be reopened, and {month} is not the last",
            period=str(month),
            next=None if last is None else str(last),
        )


def _closed(period: Period, locked: LockedState) -> Period:
    end = locked.month_ends[str(period.month)]
    if end.grants or end.holds:
        raise PeriodNotSwept(
            f"{end.grants} coupons and {end.holds} holds that expired before the end of {period.month} "
            "are not swept yet",
            period=str(period.month),
            grants=end.grants,
            holds=end.holds,
        )
    return replace(period, state="closed", settled=end.settled, totals=end.totals)

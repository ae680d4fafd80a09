"""Turns plans into events. Each decision is made over the locked state, and then applied to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from events import store
from events.identifiers import uuid7
from events.message import StoredEvent
from ledger.domain.decide import (
    OPERATION_TYPES,
    Plan,
    decide,
    expire_overdue,
    expire_overdue_proposals,
    reject,
)
from ledger.domain.errors import Rejected
from ledger.domain.holding import Resolving
from ledger.domain.locked_state import Account, Decision, LockedState
from ledger.domain.paying_out import PayingOut
from ledger.domain.periods import effective_at
from ledger.domain.recording import event_data
from ledger.domain.stakes import limited
from ledger.engine import proposed_commands
from ledger.engine.pending import Pending
from ledger.engine.submission import fingerprint_of

SWEEP_SOURCE: Final = "/ledger/expiry"


class StalePlan(Exception):
    """Something that a command refers to changed after it was planned: the batch has to begin again."""


@dataclass(frozen=True, slots=True)
class AppendedEvent:
    """An event, and the accounts that it changed, in their state after it."""

    event: StoredEvent
    touched: Sequence[Account]
    item: Pending | None = None
    """The submission that it answers; None for an expiry."""

    @property
    def key(self) -> store.Key:
        """Return the idempotency key of the event's command."""
        metadata = self.event.metadata
        return store.Key(metadata["source"], metadata["request_id"])

    @property
    def claim(self) -> store.Claim:
        """Return the claim for that key."""
        return store.Claim(fingerprint_of(self.event.data["command"]), self.event.id)


def decide_expiries(locked: LockedState, *, now: datetime) -> list[Decision]:
    """Return the expiries of everything overdue in the locked state. They come before any other decision."""
    of_users = [decision for user in locked.users for decision in expire_overdue(locked, user, now=now)]
    return [*of_users, *expire_overdue_proposals(locked, now=now)]


def apply_expiry(decision: Decision, locked: LockedState, *, position: int, now: datetime) -> AppendedEvent:
    """Apply an expiry to the locked state; return its event."""
    facts = decision.facts
    subject = facts.get("grant") or facts.get("hold") or facts["proposal"]
    touched = locked.apply(decision)
    sent: dict[str, Any] = {"type": decision.type, "expired": subject}
    if decision.payer:
        sent["operation_user"] = decision.payer
    metadata = {"source": SWEEP_SOURCE, "request_id": f"expire:{subject}", "actor": "ledger"}
    occurred_at = decision.occurred_at or now
    return AppendedEvent(
        _event(position, uuid7(), decision, sent, metadata, locked, occurred_at, now), touched
    )


def decide_pending(item: Pending, locked: LockedState, *, position: int, now: datetime) -> AppendedEvent:
    """Decide a command and apply the decision; return its event, which may be a rejection.

    Raises `StalePlan` if the command has no plan any more.
    """
    submission = item.submission
    try:
        if item.plan is None:
            raise item.refusal if isinstance(item.refusal, Rejected) else StalePlan
        decision = decide(item.plan, locked, now=now, event_id=item.event_id)
        if submission.sender.principal is not None:
            decision = limited(
                decision,
                item.plan,
                locked,
                submission.sender.principal,
                body=partial(proposed_commands.body_of, submission),
                now=now,
                event_id=item.event_id,
            )
    except Rejected as error:
        users = [user for user in item.users if locked.has_user(user)]
        payer = users[0] if users else getattr(submission.command, "operation_user", None)
        decision = reject(error, submission.command, item.plan, payer, locked)
    touched = locked.apply(decision)
    event = _event(
        position,
        item.event_id,
        decision,
        submission.sent,
        submission.sender.metadata(),
        locked,
        decision.occurred_at or submission.command.occurred_at,
        now,
    )
    return AppendedEvent(event, touched, item)


def missing_hold(plan: Plan | None, locked: LockedState) -> str | None:
    """Return the id of the plan's hold or payout if an earlier command of the batch failed to create it."""
    match plan:
        case Resolving() if plan.hold.id not in locked.holds:
            return plan.hold.id
        case PayingOut() if plan.payout.id not in locked.payouts:
            return plan.payout.id
        case _:
            return None


def _event(
    position: int,
    event_id: str,
    decision: Decision,
    sent: Mapping[str, Any],
    metadata: Mapping[str, str],
    locked: LockedState,
    occurred_at: datetime,
    now: datetime,
) -> StoredEvent:
    """Return the event of a decision that was applied to the locked state."""
    data = event_data(decision, sent, locked)
    if decision.type in OPERATION_TYPES:
        counts_at = effective_at(occurred_at, recorded_at=now, closed=locked.closed_until)
        if counts_at != occurred_at:
            data["effective_at"] = counts_at.isoformat()
    return StoredEvent(
        position=position,
        id=event_id,
        stream=decision.stream or f"operation:{event_id}",
        type=decision.type,
        schema_version=1,
        data=data,
        metadata=metadata,
        occurred_at=occurred_at,
        recorded_at=now,
    )

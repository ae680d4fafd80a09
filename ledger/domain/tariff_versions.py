"""Publish versions of the tariff, for all users, a team or a user. It always takes two people."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ledger.domain.errors import EffectiveInThePast
from ledger.domain.locked_state import Decision, LockedState
from ledger.domain.proposals import Proposal, Role
from ledger.domain.proposing import propose


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeTariff:
    """Propose a version of the tariff to a second person.

    `terms` are all terms as they are stored, or some of them for the override of a user or a team. The
    version takes effect at `effective_from`, or when it is published if that is None.
    """

    effective_from: datetime | None
    terms: Mapping[str, Any]
    occurred_at: datetime
    actor: str
    role: Role
    reason_code: str
    user: int | None = None
    team: int | None = None

    kind = "tariff"

    @property
    def users(self) -> tuple[int, ...]:
        """Return no users: no account has to be locked."""
        return ()


def propose_tariff(command: ProposeTariff, *, now: datetime, event_id: str) -> Decision:
    """Make the proposal. Raises `EffectiveInThePast`."""
    _check_effective(command.effective_from, now)
    at = command.effective_from
    body = {
        "effective_from": None if at is None else at.isoformat(),
        "user": command.user,
        "team": command.team,
        "terms": dict(command.terms),
    }
    return propose(
        "tariff",
        body,
        user=None,
        reason_code=command.reason_code,
        proposer=command.actor,
        role=command.role,
        now=now,
        event_id=event_id,
    )


def publish_tariff(proposal: Proposal, locked: LockedState, *, now: datetime) -> Decision:
    """Publish the proposed terms as the next version. Raises `EffectiveInThePast`."""
    body = proposal.body
    proposed = body["effective_from"]
    effective_from = None if proposed is None else datetime.fromisoformat(proposed)
    _check_effective(effective_from, now)
    version = locked.latest_tariff + 1
    facts = {
        "version": version,
        "effective_from": (effective_from or now).isoformat(),
        "terms": body["terms"],
    }
    facts |= {name: body[name] for name in ("user", "team") if body[name] is not None}
    return Decision(
        type="tariff.published",
        kind="tariff",
        payer=0,
        users=(),
        stream=f"tariff:{version}",
        facts=facts,
    )


def _check_effective(effective_from: datetime | None, now: datetime) -> None:
    if effective_from is not None and effective_from < now:
        raise EffectiveInThePast(
            "a tariff version cannot take effect before it is published",
            field="effective_from",
            effective_from=effective_from.isoformat(),
        )

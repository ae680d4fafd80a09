"""Ends what waits for a decision about a user who is being deleted."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from events import store
from ledger.domain.locked_state import LockedState
from ledger.domain.proposing import expire_proposal
from ledger.engine import journal, kept_store
from ledger.engine.deciding import apply_expiry


def expire_proposals_about(cursor: Any, user: int, *, now: datetime) -> None:
    """Expire the open proposals about a user. The caller has locked the user's accounts."""
    found = kept_store.read_open_proposals_about(cursor, user)
    if not found:
        return
    # Those without a user, such as the user's own tariff, are locked by their names, as in the engine.
    kept_store.lock_names(cursor, *(f"proposal {each.id}" for each in found if each.user is None))
    proposals = [
        each
        for each in kept_store.read_proposals(cursor, [each.id for each in found])
        if each.state == "open"
    ]
    locked = LockedState(journal.read_accounts(cursor, [user]))
    locked.add(proposals)
    now = journal.recording_time(locked, now)
    appended = [
        apply_expiry(replace(expire_proposal(each), occurred_at=now), locked, position=position, now=now)
        for each, position in zip(proposals, store.allocate_positions(cursor, len(proposals)), strict=True)
    ]
    store.append(cursor, [each.event for each in appended])
    store.claim_keys(cursor, {each.key: each.claim for each in appended})
    kept_store.write(cursor, [each.event for each in appended])

"""One transaction of the engine, from what was submitted to its outcomes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from events import store
from events.message import StoredEvent
from ledger.domain.approvals import ResolveProposal, ResolvingProposal
from ledger.domain.decide import REJECTION_TYPES
from ledger.domain.errors import Invalid, Undecided
from ledger.domain.holding import Placing, new_hold
from ledger.domain.known import Known
from ledger.domain.locked_state import Account, Decision, LockedState
from ledger.domain.paying_out import RequestPayout, new_payout
from ledger.domain.proposals import Proposal
from ledger.engine import consulting, journal, kept_store, notes, payment_references, periods, tariffs
from ledger.engine.deciding import AppendedEvent, Moved, decide_pending, expired, expiring, missing_holds
from ledger.engine.known import read_known, set_aside_for
from ledger.engine.loading import load_periods, load_state, lock_names_of, months_closing, needs_accounts_only
from ledger.engine.pending import Pending, conflict, fold, planned
from ledger.engine.submission import Outcome, Status, Submission

_BOOKS_WITHIN_MS: Final = 5_000


class Intake(Protocol):
    """What shares the transaction of a batch: the positions and rows of where it came from."""

    def begin(self, cursor: Any) -> None:
        """Runs first; raises to post nothing."""

    def finish(self, cursor: Any, outcomes: Sequence[Outcome]) -> None:
        """Runs last, before the commit."""


class Batch:
    """One transaction of the engine.

    # Note [Appended as it is decided]
    The database takes in each event while the next is decided: two processors work, and not one after the
    other. So positions are taken before the first decision, and nothing is read or written until the last.

    # Note [Holds of a batch]
    A hold may be placed and captured in one batch. A capture is planned as if the placing before it will
    succeed. Where it does not, the hold goes into `missing_holds`, and everything is read and decided again:
    now the capture is undecided, as it would be had it come by itself. Payouts are no different.
    """

    def __init__(
        self,
        cursor: Any,
        submissions: Sequence[Submission],
        clock: Callable[[], datetime],
        missing_holds: set[str] | None = None,
    ) -> None:
        self.cursor = cursor
        self.submissions = submissions
        self.clock = clock
        self.missing_holds = set() if missing_holds is None else missing_holds
        self.freezing = periods.Freezing(cursor)
        self.now: datetime
        """When everything is recorded: known once everything is locked."""
        self.outcomes: list[Outcome | None] = [None] * len(submissions)
        self._planned_by: Known | None = None
        """What all plans were made from, where they were made at once."""
        self._closed_until: datetime | None = None
        self._without_accounts: set[int] = set()
        """Users who had no accounts when they were read."""
        self.swept: Sequence[Proposal] = ()
        """Proposals that are looked at beside those that the commands resolve."""

    def run(self, intake: Intake | None) -> list[Outcome]:
        if intake is not None:
            intake.begin(self.cursor)
        if pending := self._unclaimed(fold(self.submissions)):
            self.freezing.begin(months_closing([item.plan for item in pending]))
            pending = self._claimed(pending)
        if pending:
            locked = self._locked(pending)
            self._write(pending, locked)
        outcomes = [outcome for outcome in self.outcomes if outcome is not None]
        if len(outcomes) != len(self.submissions):
            raise RuntimeError("a submission was left without an outcome")
        if intake is not None:
            intake.finish(self.cursor, outcomes)
        return outcomes

    def sweep(self, users: Sequence[int], proposals: Sequence[Proposal]) -> None:
        self.swept = proposals
        self._without_accounts = {proposal.user for proposal in proposals if proposal.user is not None}
        self._write([], self._locked([], users))

    def preview(self) -> Outcome:
        pending = self._unclaimed(fold(self.submissions))
        if pending and isinstance(pending[0].refusal, Undecided):
            return Outcome(status="undecided", error=pending[0].refusal)
        if pending:
            (only,) = pending
            locked = LockedState(journal.read_accounts(self.cursor, only.users))
            missing = [user for user in only.users if not locked.has_user(user)]
            locked.add_accounts(LockedState.empty(missing).accounts.values())
            locked.closed_until = self._closed_until
            self._load_state(pending, locked, lock=False)
            for decision in expiring(locked, now=self.now):
                locked.apply(decision)
            self._answer(only, decide_pending(only, locked, position=0, now=self.now).event)
            self.freezing.end()
        (outcome,) = self.outcomes
        if outcome is None:
            raise RuntimeError("the submission was left without an outcome")
        return outcome

    def _unclaimed(self, pending: list[Pending]) -> list[Pending]:
        """Set aside what is undecided, or refused with nothing written, unless its key was used.

        What is set aside uses no key, so that its first rival takes its place.
        """
        kept: list[Pending] = []
        self._planned_by = self._plan(pending, lock=False) if pending else None
        while pending:
            doubtful = [item for item in pending if self._sets_aside(item)]
            used = store.find_keys(self.cursor, [item.submission.key for item in doubtful])
            aside = [item for item in doubtful if item.submission.key not in used]
            gone = {id(item) for item in aside}
            kept += [item for item in pending if id(item) not in gone]
            pending = []
            for item in aside:
                status: Status = "undecided" if isinstance(item.refusal, Undecided) else "refused"
                for index in item.indexes:
                    self.outcomes[index] = Outcome(status=status, error=item.refusal)
                if item.conflicting:
                    successor, *successor.conflicting = item.conflicting
                    pending.append(successor)
            if pending:
                self._planned_by = None
                self._plan(pending, lock=False)
        kept.sort(key=lambda item: item.indexes[0])
        return kept

    @staticmethod
    def _sets_aside(item: Pending) -> bool:
        if item.refusal is None:
            return False
        return isinstance(item.refusal, Undecided | Invalid) or item.submission.refuse_early

    def _claimed(self, pending: list[Pending]) -> list[Pending]:
        claims = {item.submission.key: store.Claim(item.fingerprint, item.event_id) for item in pending}
        taken = store.claim_keys(self.cursor, claims)
        if taken:
            self._answer_replays([item for item in pending if item.submission.key in taken], taken)
            pending = [item for item in pending if item.submission.key not in taken]
        for item in pending:
            for rival in item.conflicting:
                self._refuse_conflict(rival, item.submission.sent)
        return pending

    def _answer_replays(self, items: Sequence[Pending], taken: Mapping[store.Key, store.Claim]) -> None:
        stored = store.get(self.cursor, [taken[item.submission.key].event_id for item in items])
        for item in (each for first in items for each in (first, *first.conflicting)):
            claim = taken[item.submission.key]
            event = stored[claim.event_id]
            same = claim.fingerprint == item.fingerprint
            if same and notes.agree(self.cursor, event, item.submission.notes):
                self._answer(item, event, replayed=True)
            else:
                self._refuse_conflict(item, event.data["command"])

    def _refuse_conflict(self, item: Pending, first: Mapping[str, Any]) -> None:
        for index in item.indexes:
            self.outcomes[index] = conflict(self.submissions[index], first)

    def _locked(self, pending: Sequence[Pending], users: Sequence[int] = ()) -> LockedState:
        named = {user for item in pending for user in item.users}
        named |= {proposal.user for proposal in self.swept if proposal.user is not None}
        users = sorted({*users, *named})
        if missing := self._without_accounts.intersection(users):
            journal.create_missing_accounts(self.cursor, sorted(missing))
        locked = LockedState(journal.lock_accounts(self.cursor, users))
        if any(changes_period_or_tariff(item.submission) for item in pending):
            kept_store.lock_periods_and_tariffs(self.cursor, exclusive=True, within_ms=_BOOKS_WITHIN_MS)
        else:
            kept_store.lock_periods_and_tariffs(self.cursor)
        # Owner, prices and tariffs are read again after the locks: these are what is decided by.
        self._plan(pending, lock=True)
        locked.closed_until = self._closed_until
        moved = False
        for item in pending:
            if isinstance(item.refusal, Undecided):
                if placed := set_aside_for(item.submission.command):
                    self.missing_holds.add(placed)
                moved = True
            moved = moved or not all(map(locked.has_user, item.users))
        if moved:
            raise Moved
        self._load_state(pending, locked, lock=True)
        return locked

    def _load_state(self, pending: Sequence[Pending], locked: LockedState, *, lock: bool) -> None:
        """Read what the decisions look at; the time of recording is taken after the last lock."""
        plans = [item.plan for item in pending if not needs_accounts_only(item.plan)]
        proposals = [*self.swept, *(plan.proposal for plan in plans if isinstance(plan, ResolvingProposal))]
        if lock:
            lock_names_of(self.cursor, plans, proposals)
        load_periods(self.cursor, plans, locked, self.freezing)
        self.now = journal.not_before(locked, self.clock())
        load_state(self.cursor, plans, proposals, locked, day=self.now.date())

    def _plan(self, pending: Sequence[Pending], *, lock: bool) -> Known:
        """Plan them, and what they were planned by."""
        reading = read_known(self.cursor, [item.submission.command for item in pending], lock=lock)
        self._closed_until = reading.closed_until
        self._without_accounts |= reading.without_accounts
        read = reading.known
        if read == self._planned_by:
            return read  # nothing moved: the plans would be the same
        holds, payouts = dict(read.holds), dict(read.payouts)
        known = replace(read, holds=holds, payouts=payouts)
        for item in pending:
            item.plan, item.refusal = planned(item.submission, known)
            if isinstance(item.plan, Placing) and item.plan.command.hold not in self.missing_holds:
                # Note [Holds of a batch]
                holds.setdefault(item.plan.command.hold, new_hold(item.plan))
            if isinstance(item.plan, RequestPayout) and item.plan.payout not in self.missing_holds:
                payouts.setdefault(item.plan.payout, new_payout(item.plan))
        return read

    def _decided(
        self,
        overdue: Sequence[Decision],
        pending: Sequence[Pending],
        locked: LockedState,
        positions: Sequence[int],
    ) -> Iterator[AppendedEvent]:
        """Decide one after the other, each over the book that those before have left."""
        missing = False
        for position, decision in zip(positions, overdue, strict=False):
            yield expired(decision, locked, position=position, now=self.now)
        for position, item in zip(positions[len(overdue) :], pending, strict=True):
            placed = missing_holds(item.plan, locked)
            if placed is None:
                yield decide_pending(item, locked, position=position, now=self.now)
            else:
                # Note [Holds of a batch]
                self.missing_holds.add(placed)
                missing = True
        if missing:
            raise Moved

    def _write(self, pending: Sequence[Pending], locked: LockedState) -> None:
        cursor = self.cursor
        overdue = expiring(locked, now=self.now)
        if not pending and not overdue:
            return
        events: list[StoredEvent] = []
        changed: dict[str, Account] = {}
        last_position: dict[str, int] = {}
        swept: dict[store.Key, store.Claim] = {}
        written_notes: list[notes.Note] = []
        positions = store.take_positions(cursor, len(overdue) + len(pending))

        def appended() -> Iterator[StoredEvent]:
            for each in self._decided(overdue, pending, locked, positions):
                event, item = each.event, each.item
                if item is None:
                    swept[each.key] = each.claim
                else:
                    if item.submission.notes:
                        event, made = notes.fingerprinted(event, item.submission.notes)
                        written_notes.extend(made)
                    self._answer(item, event)
                for account in each.touched:
                    changed[account.code] = account
                    last_position[account.code] = event.position
                events.append(event)
                yield event

        store.append(cursor, appended())
        store.claim_keys(cursor, swept)
        notes.write(cursor, written_notes)
        journal.open_escrows(cursor, [account for account in changed.values() if not account.id])
        journal.write(cursor, events, locked)
        kept_store.write(cursor, events)
        tariffs.write(cursor, events)
        payment_references.write(cursor, events)
        consulting.write_statuses(cursor, events)
        self.freezing.write(events)
        journal.update_accounts(cursor, list(changed.values()), last_position, self.now)
        for project in _inline_projections():
            project(cursor, list(changed.values()))

    def _answer(self, item: Pending, event: StoredEvent, *, replayed: bool = False) -> None:
        status: Status = "rejected" if event.type in REJECTION_TYPES else "recorded"
        for number, index in enumerate(item.indexes):
            # A duplicate within the batch is a replay of the first.
            self.outcomes[index] = Outcome(status=status, event=event, replayed=replayed or number > 0)


def changes_period_or_tariff(submission: Submission) -> bool:
    """Whether it has to come alone: Note [Changing the books]."""
    command = submission.command
    return isinstance(command, ResolveProposal) and command.changes_period_or_tariff


def _inline_projections() -> list[Callable[[Any, Sequence[Account]], None]]:
    return [import_string(path) for path in settings.LEDGER_INLINE_PROJECTIONS]

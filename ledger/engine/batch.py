"""A batch: one transaction of the engine, from submissions to their outcomes. See Note [Posting order]."""

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
from ledger.engine.deciding import (
    AppendedEvent,
    StalePlan,
    apply_expiry,
    decide_expiries,
    decide_pending,
    missing_hold,
)
from ledger.engine.known import hold_or_payout_of, read_known
from ledger.engine.loading import (
    load_periods,
    load_state,
    lock_names_of,
    months_closing,
    needs_accounts_only,
    with_proposed,
)
from ledger.engine.pending import Pending, conflict_outcome, fold_by_key, make_plan
from ledger.engine.submission import Outcome, Status, Submission

_EXCLUSIVE_LOCK_TIMEOUT_MS: Final = 5_000


class TransactionHook(Protocol):
    """A part of a batch's transaction, such as the intake's update of positions and stored messages."""

    def begin(self, cursor: Any) -> None:
        """Run first. An exception rolls the batch back before anything is posted."""

    def finish(self, cursor: Any, outcomes: Sequence[Outcome]) -> None:
        """Run last, before the commit, with the outcomes in the order of the submissions."""


class Batch:
    """One transaction of the engine. Use an instance for one call of `run`, `sweep` or `preview`.

    # Note [Append while deciding]
    Events are streamed to the database: it stores one while the next is decided, so that both processes work
    at the same time. That is why all positions are allocated before the first decision, and why the
    connection is used for nothing else until the last.

    # Note [Holds of a batch]
    A hold may be placed and captured in the same batch. The capture is planned as if the placement will
    succeed. If it does not, the hold goes into `missing_holds` and the batch begins again. This time the
    capture is undecided, as it would be in a batch of its own. The same holds for payouts.
    """

    def __init__(
        self,
        cursor: Any,
        submissions: Sequence[Submission],
        clock: Callable[[], datetime],
        missing_holds: set[str] | None = None,
        *,
        lock_timeout_ms: int = 0,
    ) -> None:
        self.cursor = cursor
        self.lock_timeout_ms = lock_timeout_ms
        self.submissions = submissions
        self.clock = clock
        self.missing_holds = set() if missing_holds is None else missing_holds
        self.freezing = periods.Freezing(cursor)
        self.now: datetime
        """The time of recording of the whole batch; set once everything is locked."""
        self.outcomes: list[Outcome | None] = [None] * len(submissions)
        self._planned_by: Known | None = None
        """The reading that all plans were made from; None if several readings were used."""
        self._closed_until: datetime | None = None
        self._without_accounts: set[int] = set()
        """Users who had no accounts when they were read."""
        self._pending: Sequence[Pending] = ()
        self.overdue_proposals: Sequence[Proposal] = ()
        """Proposals to expire, in addition to those that the commands resolve."""

    def run(self, hook: TransactionHook | None) -> list[Outcome]:
        """Post the submissions; return their outcomes in order. Raises `StalePlan` to be started again."""
        if hook is not None:
            hook.begin(self.cursor)
        if pending := self._answer_unrecorded(fold_by_key(self.submissions)):
            self._pending = pending
            self.freezing.sum_settled(months_closing([item.plan for item in pending]))
            pending = self._claim_keys(pending)
        if pending:
            locked = self._lock(pending)
            self._write(pending, locked)
        outcomes = [outcome for outcome in self.outcomes if outcome is not None]
        if len(outcomes) != len(self.submissions):
            raise RuntimeError("a submission was left without an outcome")
        if hook is not None:
            hook.finish(self.cursor, outcomes)
        return outcomes

    def users_by_submission(self) -> list[tuple[int, ...]]:
        """Return the users whose accounts each submission locks; none for one that was answered without."""
        users: list[tuple[int, ...]] = [()] * len(self.submissions)
        for item in self._pending:
            for index in item.indexes:
                users[index] = item.users
        return users

    def sweep(self, users: Sequence[int], proposals: Sequence[Proposal]) -> None:
        """Expire what is overdue of these users, and these proposals."""
        self.overdue_proposals = proposals
        self._without_accounts = {proposal.user for proposal in proposals if proposal.user is not None}
        self._write([], self._lock([], users))

    def preview(self) -> Outcome:
        """Return the outcome that the only submission would have now, without locks or writes."""
        pending = self._answer_unrecorded(fold_by_key(self.submissions))
        if pending and isinstance(pending[0].refusal, Undecided):
            return Outcome(status="undecided", error=pending[0].refusal)
        if pending:
            (only,) = pending
            locked = LockedState(journal.read_accounts(self.cursor, only.users))
            missing = [user for user in only.users if not locked.has_user(user)]
            locked.add_accounts(LockedState.empty(missing).accounts.values())
            locked.closed_until = self._closed_until
            self._load_state(pending, locked, lock=False)
            for decision in decide_expiries(locked, now=self.now):
                locked.apply(decision)
            self._answer(only, decide_pending(only, locked, position=0, now=self.now).event)
            self.freezing.discard()
        (outcome,) = self.outcomes
        if outcome is None:
            raise RuntimeError("the submission was left without an outcome")
        return outcome

    def _answer_unrecorded(self, pending: list[Pending]) -> list[Pending]:
        """Answer what is undecided, or refused without a record; return the rest, in order of arrival.

        If the key was used before, the first answer counts: the submission stays in the rest. One that is
        answered here does not use its key, so the first conflicting submission takes its place.
        """
        rest: list[Pending] = []
        self._planned_by = self._plan(pending, lock=False) if pending else None
        while pending:
            unrecorded = [item for item in pending if self._leaves_no_record(item)]
            used = store.find_keys(self.cursor, [item.submission.sender.key for item in unrecorded])
            unrecorded = [item for item in unrecorded if item.submission.sender.key not in used]
            answered = {id(item) for item in unrecorded}
            rest += [item for item in pending if id(item) not in answered]
            pending = []
            for item in unrecorded:
                status: Status = "undecided" if isinstance(item.refusal, Undecided) else "refused"
                for index in item.indexes:
                    self.outcomes[index] = Outcome(status=status, error=item.refusal)
                if item.conflicting:
                    successor, *successor.conflicting = item.conflicting
                    pending.append(successor)
            if pending:
                self._planned_by = None
                self._plan(pending, lock=False)
        rest.sort(key=lambda item: item.indexes[0])
        return rest

    @staticmethod
    def _leaves_no_record(item: Pending) -> bool:
        if item.refusal is None:
            return False
        return isinstance(item.refusal, Undecided | Invalid) or item.submission.sender.refuse_early

    def _claim_keys(self, pending: list[Pending]) -> list[Pending]:
        claims = {
            item.submission.sender.key: store.Claim(item.fingerprint, item.event_id) for item in pending
        }
        taken = store.claim_keys(self.cursor, claims)
        if taken:
            self._answer_replays([item for item in pending if item.submission.sender.key in taken], taken)
            pending = [item for item in pending if item.submission.sender.key not in taken]
        for item in pending:
            for other in item.conflicting:
                self._refuse_conflict(other, item.submission.sent)
        return pending

    def _answer_replays(self, items: Sequence[Pending], taken: Mapping[store.Key, store.Claim]) -> None:
        stored = store.get(self.cursor, [taken[item.submission.sender.key].event_id for item in items])
        for item in (each for first in items for each in (first, *first.conflicting)):
            claim = taken[item.submission.sender.key]
            event = stored[claim.event_id]
            same = claim.fingerprint == item.fingerprint
            if same and notes.agree(self.cursor, event, item.submission.notes):
                self._answer(item, event, replayed=True)
            else:
                self._refuse_conflict(item, event.data["command"])

    def _refuse_conflict(self, item: Pending, first: Mapping[str, Any]) -> None:
        for index in item.indexes:
            self.outcomes[index] = conflict_outcome(self.submissions[index], first)

    def _lock(self, pending: Sequence[Pending], users: Sequence[int] = ()) -> LockedState:
        involved = {user for item in pending for user in item.users}
        involved |= {proposal.user for proposal in self.overdue_proposals if proposal.user is not None}
        users = sorted({*users, *involved})
        if missing := self._without_accounts.intersection(users):
            journal.create_missing_accounts(self.cursor, sorted(missing))
        locked = LockedState(journal.lock_accounts(self.cursor, users))
        if any(changes_period_or_tariff(item.submission) for item in pending):
            kept_store.lock_periods_and_tariffs(
                self.cursor,
                exclusive=True,
                within_ms=_EXCLUSIVE_LOCK_TIMEOUT_MS,
                afterwards_ms=self.lock_timeout_ms,
            )
        else:
            kept_store.lock_periods_and_tariffs(self.cursor)
        # Owners, prices and tariffs are read again under the locks, because decisions depend on them.
        self._plan(pending, lock=True)
        locked.closed_until = self._closed_until
        stale = False
        for item in pending:
            if isinstance(item.refusal, Undecided):
                if subject := hold_or_payout_of(item.submission.command):
                    self.missing_holds.add(subject)
                stale = True
            stale = stale or not all(map(locked.has_user, item.users))
        if stale:
            raise StalePlan
        self._load_state(pending, locked, lock=True)
        return locked

    def _load_state(self, pending: Sequence[Pending], locked: LockedState, *, lock: bool) -> None:
        """Read what the decisions need. The time of recording is taken after the last lock."""
        plans = with_proposed([item.plan for item in pending if not needs_accounts_only(item.plan)])
        limited = (item.submission.sender.principal for item in pending)
        principals = [name for each in limited if each is not None for name in each.names]
        resolved = [plan.proposal for plan in plans if isinstance(plan, ResolvingProposal)]
        proposals = [*self.overdue_proposals, *resolved]
        if lock:
            lock_names_of(self.cursor, plans, proposals, principals)
        load_periods(self.cursor, plans, locked, self.freezing)
        self.now = journal.recording_time(locked, self.clock())
        load_state(self.cursor, plans, proposals, locked, principals=principals, day=self.now.date())

    def _plan(self, pending: Sequence[Pending], *, lock: bool) -> Known:
        """Plan the commands; return what was read to plan them."""
        reading = read_known(self.cursor, [item.submission.command for item in pending], lock=lock)
        self._closed_until = reading.closed_until
        self._without_accounts |= reading.without_accounts
        read = reading.known
        if read == self._planned_by:
            return read  # nothing changed: the plans would be the same
        holds, payouts = dict(read.holds), dict(read.payouts)
        known = replace(read, holds=holds, payouts=payouts)
        for item in pending:
            item.plan, item.refusal = make_plan(item.submission, known)
            if isinstance(item.plan, Placing) and item.plan.command.hold not in self.missing_holds:
                # Note [Holds of a batch]
                holds.setdefault(item.plan.command.hold, new_hold(item.plan))
            if isinstance(item.plan, RequestPayout) and item.plan.payout not in self.missing_holds:
                payouts.setdefault(item.plan.payout, new_payout(item.plan))
        return read

    def _decide_all(
        self,
        expiries: Sequence[Decision],
        pending: Sequence[Pending],
        locked: LockedState,
        positions: Sequence[int],
    ) -> Iterator[AppendedEvent]:
        """Decide one command after the other, each over the state that the ones before it left."""
        missing = False
        for position, decision in zip(positions, expiries, strict=False):
            yield apply_expiry(decision, locked, position=position, now=self.now)
        for position, item in zip(positions[len(expiries) :], pending, strict=True):
            missing_id = missing_hold(item.plan, locked)
            if missing_id is None:
                yield decide_pending(item, locked, position=position, now=self.now)
            else:
                # Note [Holds of a batch]
                self.missing_holds.add(missing_id)
                missing = True
        if missing:
            raise StalePlan

    def _write(self, pending: Sequence[Pending], locked: LockedState) -> None:
        cursor = self.cursor
        expiries = decide_expiries(locked, now=self.now)
        if not pending and not expiries:
            return
        events: list[StoredEvent] = []
        changed: dict[str, Account] = {}
        last_position: dict[str, int] = {}
        expiry_claims: dict[store.Key, store.Claim] = {}
        written_notes: list[notes.Note] = []
        positions = store.allocate_positions(cursor, len(expiries) + len(pending))

        def appended() -> Iterator[StoredEvent]:
            for each in self._decide_all(expiries, pending, locked, positions):
                event, item = each.event, each.item
                if item is None:
                    expiry_claims[each.key] = each.claim
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
        store.claim_keys(cursor, expiry_claims)
        notes.write(cursor, written_notes)
        journal.open_escrows(cursor, [account for account in changed.values() if not account.id])
        journal.write(cursor, events, locked)
        kept_store.write(cursor, events)
        tariffs.write(cursor, events)
        payment_references.write(cursor, events)
        consulting.write_statuses(cursor, events)
        self.freezing.freeze(events)
        journal.update_accounts(cursor, list(changed.values()), last_position, self.now)
        for project in _inline_projections():
            project(cursor, list(changed.values()))

    def _answer(self, item: Pending, event: StoredEvent, *, replayed: bool = False) -> None:
        status: Status = "rejected" if event.type in REJECTION_TYPES else "recorded"
        for number, index in enumerate(item.indexes):
            # A duplicate within the batch is a replay of the first.
            self.outcomes[index] = Outcome(status=status, event=event, replayed=replayed or number > 0)


def changes_period_or_tariff(submission: Submission) -> bool:
    """Return True if a submission has to be posted alone: Note [Changing periods or tariffs]."""
    command = submission.command
    return isinstance(command, ResolveProposal) and command.changes_period_or_tariff


def _inline_projections() -> list[Callable[[Any, Sequence[Account]], None]]:
    return [import_string(path) for path in settings.LEDGER_INLINE_PROJECTIONS]

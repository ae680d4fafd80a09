"""The posting engine: the one way in, set-based from end to end.

# Note [Posting order]
One durable transaction, READ COMMITTED, always in this order, so that two workers over the same
users never deadlock: Kafka positions; keys, sorted; missing accounts, sorted; the accounts of every
user touched, in the order of the user's id; the books, shared; machines; consulting requests; names;
the decisions; only then positions of the log, events, operations, entries, accounts, inline
projections. The lock unit is the user, because locking single accounts deadlocks. The platform's
accounts are never locked nor updated.

# Note [Changing the books]
What everybody is decided by, tariffs and periods, is changed in a transaction of its own, with the books
locked exclusively. Whoever was decided by what was before has committed then, and whoever comes after reads
what is: so nothing that is recorded later is ever priced by what a publication has replaced.

A process that is frozen in the middle of it (a suspended machine) keeps its users locked, and nothing
after its positions can be settled: after a while the database ends its transaction, and nothing of it
was posted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Protocol

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from events import store
from events.identifiers import uuid7
from events.message import StoredEvent
from ledger import consulting, journal, notes, payments, periods, state, tariffs
from ledger.commands import Outcome, Status, Submission, fingerprint_of
from ledger.domain.approving import ResolveProposal, ResolvingProposal
from ledger.domain.book import Account, Book, Decision
from ledger.domain.decide import (
    OPERATION_TYPES,
    REJECTION_TYPES,
    Plan,
    decide,
    event_data,
    overdue,
    overdue_proposals,
    reject,
)
from ledger.domain.errors import Busy, Invalid, Rejected, Undecided
from ledger.domain.holding import Placing, Resolving, hold_of
from ledger.domain.paying_out import PayingOut, RequestPayout, payout_of
from ledger.domain.periods import effective_at
from ledger.domain.proposals import Proposal
from ledger.domain.references import References
from ledger.loading import load_periods, load_state, lock_names_of, months_closing
from ledger.pending import Pending, conflict, fold, planned
from ledger.references import read_references, set_aside_for

_ATTEMPTS: Final = 8
_FROZEN_AFTER_MS: Final = 15_000
_BOOKS_WITHIN_MS: Final = 5_000
SWEEP_SOURCE: Final = "/ledger/expiry"


class Intake(Protocol):
    """What shares the transaction of a batch: the positions and rows of where it came from."""

    def begin(self, cursor: Any) -> None:
        """Runs first; raises to post nothing."""

    def finish(self, cursor: Any, outcomes: Sequence[Outcome]) -> None:
        """Runs last, before the commit."""


class _Moved(Exception):
    """What a command refers to changed between reading and locking: read again."""


def post(
    submissions: Sequence[Submission],
    *,
    intake: Intake | None = None,
    clock: Callable[[], datetime] = timezone.now,
) -> list[Outcome]:
    """Post a batch in one transaction; an outcome per submission, in their order.

    A submission is decided by itself: one that is refused does not touch the others. What changes the
    books is posted alone, and what is around it before and after it. Raises `Busy` where the database kept
    choosing this batch as a deadlock's victim.
    """
    if not submissions and intake is None:
        return []
    number = next((n for n, each in enumerate(submissions) if _changes_books(each)), None)
    if number is not None and len(submissions) > 1:
        if intake is not None:
            raise ValueError("what changes the books comes alone")
        parts = submissions[:number], submissions[number : number + 1], submissions[number + 1 :]
        return [outcome for part in parts for outcome in post(part, clock=clock)]
    unplaced: set[str] = set()
    for _ in range(_ATTEMPTS):
        try:
            with transaction.atomic(durable=True), connection.cursor() as cursor:
                _end_if_frozen(cursor)
                return _Batch(cursor, submissions, clock, unplaced).run(intake)
        except (_Moved, state.IdTaken, payments.ReferenceTaken):
            continue
        except OperationalError as error:
            code = getattr(error.__cause__, "pgcode", None)
            if code == "55P03":
                raise Busy("somebody keeps writing to the books; send the same command again") from error
            if code not in {"40P01", "40001"}:
                raise
    raise Busy("the ledger kept losing a race; send the same command again")


def sweep(
    users: Sequence[int],
    proposals: Sequence[Proposal] = (),
    *,
    clock: Callable[[], datetime] = timezone.now,
) -> None:
    """Expire what is overdue and nothing else touches: these proposals, and users' coupons and holds."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        _end_if_frozen(cursor)
        _Batch(cursor, [], clock).sweep(users, proposals)


def quote(submission: Submission, *, clock: Callable[[], datetime] = timezone.now) -> Outcome:
    """What `post` would answer now: the same code, read-only. No lock, no key, no account is made.

    The event of the outcome has position 0 and was never stored.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        return _Batch(cursor, [submission], clock).preview()


class _Batch:
    """One transaction of the engine.

    # Note [Holds of a batch]
    A hold may be placed and captured in one batch. A capture is planned as if the placing before it will
    succeed. Where it does not, the hold goes into `unplaced`, and everything is read and decided again:
    now the capture is undecided, as it would be had it come by itself. Payouts are no different.
    """

    def __init__(
        self,
        cursor: Any,
        submissions: Sequence[Submission],
        clock: Callable[[], datetime],
        unplaced: set[str] | None = None,
    ) -> None:
        self.cursor = cursor
        self.submissions = submissions
        self.clock = clock
        self.unplaced = set() if unplaced is None else unplaced
        self.freezing = periods.Freezing(cursor)
        self.now: datetime
        """When everything is recorded: known once everything is locked."""
        self.outcomes: list[Outcome | None] = [None] * len(submissions)
        self._planned_by: References | None = None
        """What all plans were made from, where they were made at once."""
        self.swept: Sequence[Proposal] = ()
        """Proposals that are looked at beside those that the commands resolve."""

    def run(self, intake: Intake | None) -> list[Outcome]:
        if intake is not None:
            intake.begin(self.cursor)
        if pending := self._unclaimed(fold(self.submissions)):
            self.freezing.begin(months_closing([item.plan for item in pending]))
            pending = self._claimed(pending)
        if pending:
            book = self._locked(pending)
            self._write(pending, book)
        outcomes = [outcome for outcome in self.outcomes if outcome is not None]
        if len(outcomes) != len(self.submissions):
            raise RuntimeError("a submission was left without an outcome")
        if intake is not None:
            intake.finish(self.cursor, outcomes)
        return outcomes

    def sweep(self, users: Sequence[int], proposals: Sequence[Proposal]) -> None:
        self.swept = proposals
        self._write([], self._locked([], users))

    def preview(self) -> Outcome:
        pending = self._unclaimed(fold(self.submissions))
        if pending and isinstance(pending[0].refusal, Undecided):
            return Outcome(status="undecided", error=pending[0].refusal)
        if pending:
            (only,) = pending
            book = Book(journal.read_accounts(self.cursor, only.users))
            missing = [user for user in only.users if not book.knows(user)]
            book.open(Book.empty(missing).accounts.values())
            book.closed_until = periods.read_closed_until(self.cursor)
            self._load_state(pending, book, lock=False)
            self._overdue(book)
            event, _ = self._decided(only, book)
            self._answer(only, StoredEvent(**event, position=0))
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
        self._planned_by = self._plan(pending, lock=False)
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
                if item.rivals:
                    heir, *heir.rivals = item.rivals
                    pending.append(heir)
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
            for rival in item.rivals:
                self._refuse_conflict(rival, item.submission.sent)
        return pending

    def _answer_replays(self, items: Sequence[Pending], taken: Mapping[store.Key, store.Claim]) -> None:
        stored = store.get(self.cursor, [taken[item.submission.key].event_id for item in items])
        for item in (each for first in items for each in (first, *first.rivals)):
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

    def _locked(self, pending: Sequence[Pending], users: Sequence[int] = ()) -> Book:
        named = {user for item in pending for user in item.users}
        named |= {proposal.user for proposal in self.swept if proposal.user is not None}
        users = sorted({*users, *named})
        journal.create_missing_accounts(self.cursor, users)
        book = Book(journal.lock_accounts(self.cursor, users))
        if any(_changes_books(item.submission) for item in pending):
            closed = state.lock_books(self.cursor, exclusive=True, within_ms=_BOOKS_WITHIN_MS)
        else:
            closed = state.lock_books(self.cursor)
        book.closed_until = closed
        # Owner, prices and tariffs are read again after the locks: these are what is decided by.
        self._plan(pending, lock=True)
        moved = False
        for item in pending:
            if isinstance(item.refusal, Undecided):
                if placed := set_aside_for(item.submission.command):
                    self.unplaced.add(placed)
                moved = True
            moved = moved or not all(map(book.knows, item.users))
        if moved:
            raise _Moved
        self._load_state(pending, book, lock=True)
        return book

    def _load_state(self, pending: Sequence[Pending], book: Book, *, lock: bool) -> None:
        """Read what the decisions look at; the time of recording is taken after the last lock."""
        plans = [item.plan for item in pending]
        proposals = [*self.swept, *(plan.proposal for plan in plans if isinstance(plan, ResolvingProposal))]
        if lock:
            lock_names_of(self.cursor, plans, proposals)
        load_periods(self.cursor, plans, book, self.freezing)
        self.now = journal.not_before(book, self.clock())
        load_state(self.cursor, plans, proposals, book, day=self.now.date())

    def _plan(self, pending: Sequence[Pending], *, lock: bool) -> References | None:
        """Plan them, and what they were planned by."""
        if not pending:
            return None
        read = read_references(self.cursor, [item.submission.command for item in pending], lock=lock)
        if read == self._planned_by:
            return read  # nothing moved: the plans would be the same
        holds, payouts = dict(read.holds), dict(read.payouts)
        references = replace(read, holds=holds, payouts=payouts)
        for item in pending:
            item.plan, item.refusal = planned(item.submission, references)
            if isinstance(item.plan, Placing) and item.plan.command.hold not in self.unplaced:
                # Note [Holds of a batch]
                holds.setdefault(item.plan.command.hold, hold_of(item.plan))
            if isinstance(item.plan, RequestPayout) and item.plan.payout not in self.unplaced:
                payouts.setdefault(item.plan.payout, payout_of(item.plan))
        return read

    def _overdue(self, book: Book) -> list[tuple[dict[str, Any], list[Account]]]:
        """Expire what is overdue of every locked user and proposal, before anything is decided."""
        expiring = [decision for user in book.users for decision in overdue(book, user, now=self.now)]
        swept = []
        for decision in (*expiring, *overdue_proposals(book, now=self.now)):
            facts = decision.facts
            expired = facts.get("grant") or facts.get("hold") or facts["proposal"]
            touched = book.apply(decision)
            sent: dict[str, Any] = {"type": decision.type, "expired": expired}
            if decision.payer:
                sent["operation_user"] = decision.payer
            metadata = {"source": SWEEP_SOURCE, "request_id": f"expire:{expired}", "actor": "ledger"}
            occurred_at = decision.occurred_at or self.now
            event = _event(uuid7(), decision, sent, metadata, book, occurred_at, self.now)
            swept.append((event, touched))
        return swept

    def _decided(self, item: Pending, book: Book) -> tuple[dict[str, Any], list[Account]]:
        submission = item.submission
        try:
            if item.plan is None:
                raise item.refusal if isinstance(item.refusal, Rejected) else _Moved
            decision = decide(item.plan, book, now=self.now, event_id=item.event_id)
        except Rejected as error:
            users = [user for user in item.users if book.knows(user)]
            payer = users[0] if users else getattr(submission.command, "operation_user", None)
            decision = reject(error, submission.command, item.plan, payer, book)
        touched = book.apply(decision)
        event = _event(
            item.event_id,
            decision,
            submission.sent,
            submission.metadata(),
            book,
            submission.command.occurred_at,
            self.now,
        )
        return event, touched

    def _decisions(
        self, pending: Sequence[Pending], book: Book
    ) -> list[tuple[Pending, dict[str, Any], list[Account]]]:
        decided, missing = [], False
        for item in pending:
            unplaced = _unplaced(item.plan, book)
            if unplaced is not None:
                # Note [Holds of a batch]
                self.unplaced.add(unplaced)
                missing = True
            else:
                decided.append((item, *self._decided(item, book)))
        if missing:
            raise _Moved
        return decided

    def _write(self, pending: Sequence[Pending], book: Book) -> None:
        cursor = self.cursor
        swept = self._overdue(book)
        decided: list[tuple[Pending | None, dict[str, Any], list[Account]]] = [
            *((None, event, touched) for event, touched in swept),
            *self._decisions(pending, book),
        ]
        if not decided:
            return
        changed: dict[str, Account] = {}
        last_position: dict[str, int] = {}
        events: list[StoredEvent] = []
        written_notes: list[notes.Note] = []
        positions = store.take_positions(cursor, len(decided))
        for position, (item, event, touched) in zip(positions, decided, strict=True):
            if item is not None and item.submission.notes:
                written_notes += notes.seal(item.event_id, item.submission.notes, event["data"])
            stored = StoredEvent(**event, position=position)
            events.append(stored)
            for account in touched:
                changed[account.code] = account
                last_position[account.code] = position
            if item is not None:
                self._answer(item, stored)
        if swept:
            store.claim_keys(cursor, {_key(event): _swept_claim(event) for event, _ in swept})
        store.append(cursor, events)
        notes.write(cursor, written_notes)
        journal.open_escrows(cursor, [account for account in changed.values() if not account.id])
        journal.write(cursor, events, book)
        state.write(cursor, events)
        tariffs.write(cursor, events)
        payments.write(cursor, events)
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


def _event(
    event_id: str,
    decision: Decision,
    sent: Mapping[str, Any],
    metadata: Mapping[str, str],
    book: Book,
    occurred_at: datetime,
    now: datetime,
) -> dict[str, Any]:
    """The fields of a stored event but its position; the book is as of after the decision."""
    data = event_data(decision, sent, book)
    if decision.type in OPERATION_TYPES:
        counts_at = effective_at(occurred_at, recorded_at=now, closed=book.closed_until)
        if counts_at != occurred_at:
            data["effective_at"] = counts_at.isoformat()
    return {
        "id": event_id,
        "stream": decision.stream or f"operation:{event_id}",
        "type": decision.type,
        "schema_version": 1,
        "data": data,
        "metadata": metadata,
        "occurred_at": occurred_at,
        "recorded_at": now,
    }


def _changes_books(submission: Submission) -> bool:
    command = submission.command
    return isinstance(command, ResolveProposal) and command.changes_books


def _end_if_frozen(cursor: Any) -> None:
    cursor.execute("set local idle_in_transaction_session_timeout = %s", [_FROZEN_AFTER_MS])


def _unplaced(plan: Plan | None, book: Book) -> str | None:
    """The hold or payout of a plan that its placing in this batch did not make."""
    match plan:
        case Resolving() if plan.hold.id not in book.holds:
            return plan.hold.id
        case PayingOut() if plan.payout.id not in book.payouts:
            return plan.payout.id
        case _:
            return None


def _key(event: Mapping[str, Any]) -> store.Key:
    return store.Key(event["metadata"]["source"], event["metadata"]["request_id"])


def _swept_claim(event: Mapping[str, Any]) -> store.Claim:
    return store.Claim(fingerprint_of(event["data"]["command"]), event["id"])


def _inline_projections() -> list[Callable[[Any, Sequence[Account]], None]]:
    return [import_string(path) for path in settings.LEDGER_INLINE_PROJECTIONS]


__all__ = ["Intake", "Outcome", "Submission", "post", "quote"]

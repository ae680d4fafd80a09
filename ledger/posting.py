"""The posting engine: the one way in, set-based from end to end.

# Note [Posting order]
One durable transaction, READ COMMITTED, always in this order, so that two workers over the same
users never deadlock: Kafka positions; keys, sorted; missing accounts, sorted; the accounts of every
user touched, in the order of the user's id; machines; the decisions; only then positions of the log,
events, operations, entries, accounts, inline projections. The lock unit is the user, because
locking single accounts deadlocks. The platform's accounts are never locked nor updated.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from events import store
from events.identifiers import uuid7
from events.message import StoredEvent
from ledger import journal, notes
from ledger.commands import Outcome, Submission
from ledger.domain.book import Account, Book
from ledger.domain.decide import Plan, decide, plan, rejection
from ledger.domain.errors import Busy, Conflict, Rejected, Undecided, UnknownReference
from ledger.domain.references import References
from ledger.references import read_references

_ATTEMPTS: Final = 8


class Intake(Protocol):
    """What shares the transaction of a batch: the positions and rows of where it came from."""

    def begin(self, cursor: Any) -> None:
        """Runs first; raises to post nothing."""

    def finish(self, cursor: Any, outcomes: Sequence[Outcome]) -> None:
        """Runs last, before the commit."""


class _Moved(Exception):
    """What a command refers to changed between reading and locking: read again."""


@dataclass(slots=True)
class _Pending:
    """A submission of this batch that is still to be decided, with its duplicates in the batch."""

    submission: Submission
    fingerprint: bytes
    indexes: list[int]
    event_id: str = field(default_factory=uuid7)
    plan: Plan | None = None
    refusal: Rejected | Undecided | None = None

    @property
    def users(self) -> tuple[int, ...]:
        """Whose accounts this command needs locked."""
        if self.plan is not None:
            return self.plan.users
        if isinstance(self.refusal, UnknownReference):
            return ()
        return (self.submission.command.operation_user,)


def post(
    submissions: Sequence[Submission],
    *,
    intake: Intake | None = None,
    clock: Callable[[], datetime] = timezone.now,
) -> list[Outcome]:
    """Post a batch in one transaction; an outcome per submission, in their order.

    A submission is decided by itself: one that is refused does not touch the others. Raises `Busy`
    where the database kept choosing this batch as a deadlock's victim.
    """
    if not submissions and intake is None:
        return []
    for _ in range(_ATTEMPTS):
        try:
            with transaction.atomic(durable=True), connection.cursor() as cursor:
                return _Batch(cursor, submissions, clock).run(intake)
        except _Moved:
            continue
        except OperationalError as error:
            if getattr(error.__cause__, "pgcode", None) not in {"40P01", "40001"}:
                raise
    raise Busy("the ledger kept losing a race; send the same command again")


def quote(submission: Submission, *, clock: Callable[[], datetime] = timezone.now) -> Outcome:
    """What `post` would answer now: the same code, read-only. No lock, no key, no account is made.

    The event of the outcome has position 0 and was never stored.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        return _Batch(cursor, [submission], clock).preview()


class _Batch:
    """One transaction of the engine."""

    def __init__(self, cursor: Any, submissions: Sequence[Submission], clock: Callable[[], datetime]) -> None:
        self.cursor = cursor
        self.submissions = submissions
        self.clock = clock
        self.outcomes: list[Outcome | None] = [None] * len(submissions)

    def run(self, intake: Intake | None) -> list[Outcome]:
        if intake is not None:
            intake.begin(self.cursor)
        if pending := self._unclaimed(self._folded()):
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

    def preview(self) -> Outcome:
        pending = self._unclaimed(self._folded())
        if pending:
            (only,) = pending
            book = Book(journal.read_accounts(self.cursor, only.users))
            missing = [user for user in only.users if not book.knows(user)]
            book.accounts.update(Book.empty(missing).accounts)
            event, _ = self._decide(only, book, self.clock())
            self._answer(only, StoredEvent(**event, position=0))
        (outcome,) = self.outcomes
        if outcome is None:
            raise RuntimeError("the submission was left without an outcome")
        return outcome

    def _folded(self) -> list[_Pending]:
        """One pending command per key; a second one with another body is a conflict."""
        by_key: dict[store.Key, _Pending] = {}
        for index, submission in enumerate(self.submissions):
            fingerprint = submission.fingerprint()
            first = by_key.get(submission.key)
            if first is None:
                by_key[submission.key] = _Pending(submission, fingerprint, [index])
            elif first.fingerprint == fingerprint and first.submission.notes == submission.notes:
                first.indexes.append(index)
            else:
                self.outcomes[index] = _conflict(submission, first.submission.sent)
        return list(by_key.values())

    def _unclaimed(self, pending: list[_Pending]) -> list[_Pending]:
        """Set aside what is undecided, or refused with nothing written, unless its key was used."""
        if not pending:
            return []
        self._plan(pending, lock=False)
        doubtful = [item for item in pending if self._sets_aside(item)]
        if not doubtful:
            return pending
        used = store.find_keys(self.cursor, [item.submission.key for item in doubtful])
        aside = [item for item in doubtful if item.submission.key not in used]
        for item in aside:
            status = "undecided" if isinstance(item.refusal, Undecided) else "refused"
            for index in item.indexes:
                self.outcomes[index] = Outcome(status=status, error=item.refusal)
        gone = {id(item) for item in aside}
        return [item for item in pending if id(item) not in gone]

    @staticmethod
    def _sets_aside(item: _Pending) -> bool:
        if item.refusal is None:
            return False
        return isinstance(item.refusal, Undecided) or item.submission.refuse_early

    def _claimed(self, pending: list[_Pending]) -> list[_Pending]:
        claims = {item.submission.key: store.Claim(item.fingerprint, item.event_id) for item in pending}
        taken = store.claim_keys(self.cursor, claims)
        if not taken:
            return pending
        self._answer_replays([item for item in pending if item.submission.key in taken], taken)
        return [item for item in pending if item.submission.key not in taken]

    def _answer_replays(self, items: Sequence[_Pending], taken: Mapping[store.Key, store.Claim]) -> None:
        stored = store.get(self.cursor, [taken[item.submission.key].event_id for item in items])
        for item in items:
            claim = taken[item.submission.key]
            event = stored[claim.event_id]
            same = claim.fingerprint == item.fingerprint
            if same and notes.agree(self.cursor, event, item.submission.notes):
                self._answer(item, event, replayed=True)
            else:
                for index in item.indexes:
                    self.outcomes[index] = _conflict(self.submissions[index], event.data["command"])

    def _locked(self, pending: Sequence[_Pending]) -> Book:
        users = sorted({user for item in pending for user in item.users})
        journal.create_missing_accounts(self.cursor, users)
        book = Book(journal.lock_accounts(self.cursor, users))
        # Owner and prices are read again after the locks: these are what is decided by.
        self._plan(pending, lock=True)
        for item in pending:
            if isinstance(item.refusal, Undecided) or not all(map(book.knows, item.users)):
                raise _Moved
        return book

    def _plan(self, pending: Sequence[_Pending], *, lock: bool) -> None:
        references = read_references(self.cursor, [item.submission.command for item in pending], lock=lock)
        for item in pending:
            item.plan, item.refusal = _planned(item.submission, references)

    def _decide(
        self,
        item: _Pending,
        book: Book,
        now: datetime,
    ) -> tuple[dict[str, Any], list[Account]]:
        submission, refusal = item.submission, item.refusal
        touched: list[Account] = []
        try:
            if item.plan is None:
                raise refusal if isinstance(refusal, Rejected) else _Moved
            data, touched = decide(item.plan, book, submission.sent)
            type_ = "operation.recorded"
        except Rejected as error:
            users = [user for user in item.users if book.knows(user)]
            payer = users[0] if users else submission.command.operation_user
            data = rejection(error, submission.sent, payer, users, book)
            type_ = "operation.rejected"
        event = {
            "id": item.event_id,
            "stream": f"operation:{item.event_id}",
            "type": type_,
            "schema_version": 1,
            "data": data,
            "metadata": submission.metadata(),
            "occurred_at": submission.command.occurred_at,
            "recorded_at": now,
        }
        return event, touched

    def _write(self, pending: Sequence[_Pending], book: Book) -> None:
        cursor = self.cursor
        now = journal.not_before(book, self.clock())
        decided = [(item, *self._decide(item, book, now)) for item in pending]
        changed: dict[str, Account] = {}
        last_position: dict[str, int] = {}
        events = []
        positions = store.take_positions(cursor, len(decided))
        written_notes: list[notes.Note] = []
        for position, (item, event, touched) in zip(positions, decided, strict=True):
            if item.submission.notes:
                written_notes += notes.seal(item.event_id, item.submission.notes, event["data"])
            stored = StoredEvent(**event, position=position)
            events.append(stored)
            for account in touched:
                changed[account.code] = account
                last_position[account.code] = position
            self._answer(item, stored)
        store.append(cursor, events)
        notes.write(cursor, written_notes)
        journal.write(cursor, events, book)
        journal.update_accounts(cursor, list(changed.values()), last_position, now)
        for project in _inline_projections():
            project(cursor, list(changed.values()))

    def _answer(self, item: _Pending, event: StoredEvent, *, replayed: bool = False) -> None:
        status = "rejected" if event.type == "operation.rejected" else "recorded"
        for number, index in enumerate(item.indexes):
            # A duplicate within the batch is a replay of the first.
            self.outcomes[index] = Outcome(status=status, event=event, replayed=replayed or number > 0)


def _planned(
    submission: Submission, references: References
) -> tuple[Plan | None, Rejected | Undecided | None]:
    try:
        return plan(submission.command, references), None
    except Undecided as error:
        if submission.out_of_time:
            return None, UnknownReference(error.message, **error.details)
        return None, error
    except Rejected as error:
        return None, error


def _conflict(submission: Submission, first: Mapping[str, Any]) -> Outcome:
    """A conflict that names the first field in which the two commands differ."""
    differing = [
        name for name in sorted({*submission.sent, *first}) if submission.sent.get(name) != first.get(name)
    ]
    name = (differing or sorted(submission.notes) or ["body"])[0]
    return Outcome(
        status="conflict",
        error=Conflict(
            f"the key was used for another command: {name} differs",
            field=name,
            source=submission.source,
            request_id=submission.request_id,
        ),
    )


def _inline_projections() -> list[Callable[[Any, Sequence[Account]], None]]:
    return [import_string(path) for path in settings.LEDGER_INLINE_PROJECTIONS]


__all__ = ["Intake", "Outcome", "Submission", "post", "quote"]

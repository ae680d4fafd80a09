"""The submissions of a batch that are still to be decided, one for each key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from events.identifiers import uuid7
from events.store import Key
from ledger.domain.decide import Plan, plan
from ledger.domain.errors import Conflict, Invalid, Rejected, Undecided, UnknownReference, UserGone
from ledger.domain.known import Known
from ledger.engine.submission import Outcome, Submission


@dataclass(slots=True)
class Pending:
    """A submission that is still to be decided. `indexes` are its places in the batch, with its duplicates'.

    `conflicting` came later in the batch, with the same key and another body.
    """

    submission: Submission
    fingerprint: bytes
    indexes: list[int]
    conflicting: list["Pending"] = field(default_factory=list)
    event_id: str = field(default_factory=uuid7)
    plan: Plan | None = None
    refusal: Rejected | Undecided | Invalid | None = None

    @property
    def users(self) -> tuple[int, ...]:
        """Return the users whose accounts have to be locked for this command."""
        if self.plan is not None:
            return self.plan.users
        payer: int | None = getattr(self.submission.command, "operation_user", None)
        return () if payer is None or isinstance(self.refusal, UnknownReference | UserGone) else (payer,)

    def is_repeated_by(self, submission: Submission, fingerprint: bytes) -> bool:
        """Return True if a submission with the same key is a duplicate."""
        return self.fingerprint == fingerprint and self.submission.notes == submission.notes


def fold_by_key(submissions: Sequence[Submission]) -> list[Pending]:
    """Return one item for each key: its first submission, with later bodies as conflicting items."""
    by_key: dict[Key, list[Pending]] = {}
    for index, submission in enumerate(submissions):
        fingerprint = submission.fingerprint()
        bodies = by_key.setdefault(submission.sender.key, [])
        for item in bodies:
            if item.is_repeated_by(submission, fingerprint):
                item.indexes.append(index)
                break
        else:
            bodies.append(Pending(submission, fingerprint, [index]))
    for first, *others in by_key.values():
        first.conflicting = others
    return [bodies[0] for bodies in by_key.values()]


def make_plan(
    submission: Submission, known: Known
) -> tuple[Plan | None, Rejected | Undecided | Invalid | None]:
    """Return the plan of a submission, or the reason why it has none."""
    if submission.out_of_bounds is not None:
        return None, submission.out_of_bounds
    try:
        return plan(submission.command, known), None
    except Undecided as error:
        if submission.out_of_time:
            return None, UnknownReference(error.message, **error.details)
        return None, error
    except Rejected as error:
        return None, error


def conflict_outcome(submission: Submission, first: Mapping[str, Any]) -> Outcome:
    """Return a conflict that names the first field (by name) in which the two commands differ."""
    differing = [
        name for name in sorted({*submission.sent, *first}) if submission.sent.get(name) != first.get(name)
    ]
    name = (differing or sorted(submission.notes) or ["body"])[0]
    return Outcome(
        status="conflict",
        error=Conflict(
            f"the key was used for another command: {name} differs",
            field=name,
            source=submission.sender.source,
            request_id=submission.sender.request_id,
        ),
    )

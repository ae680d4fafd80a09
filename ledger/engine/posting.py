"""The posting engine: the one way in, set-based from end to end.

# Note [Posting order]
One durable transaction, READ COMMITTED, always in this order, so that two workers over the same
users never deadlock: Kafka positions; keys, sorted; missing accounts, sorted; the accounts of every
user touched, in the order of the user's id; the books, shared; machines; consulting requests; names;
only then positions of the log; the decisions, each event appended as it is decided; operations,
entries, accounts, inline projections. The lock unit is the user, because locking single accounts
deadlocks. The platform's accounts are never locked nor updated.

# Note [Changing the books]
What everybody is decided by, tariffs and periods, is changed in a transaction of its own, with the books
locked exclusively. Whoever was decided by what was before has committed then, and whoever comes after reads
what is: so nothing that is recorded later is ever priced by what a publication has replaced.

A process that is frozen in the middle of it (a suspended machine) keeps its users locked, and nothing
after its positions can be settled: after a while the database ends its transaction, and nothing of it
was posted.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from django.db import OperationalError, connection, transaction
from django.utils import timezone

from events.pipeline import Pipeline, send_later
from ledger.domain.errors import Busy
from ledger.domain.proposals import Proposal
from ledger.engine import kept_store, payment_references
from ledger.engine.batch import Batch, Intake, changes_period_or_tariff
from ledger.engine.deciding import Moved
from ledger.engine.submission import Outcome, Submission

_ATTEMPTS: Final = 8
_FROZEN_AFTER_MS: Final = 15_000


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
    number = next((n for n, each in enumerate(submissions) if changes_period_or_tariff(each)), None)
    if number is not None and len(submissions) > 1:
        if intake is not None:
            raise ValueError("what changes the books comes alone")
        parts = submissions[:number], submissions[number : number + 1], submissions[number + 1 :]
        return [outcome for part in parts for outcome in post(part, clock=clock)]
    missing_holds: set[str] = set()
    for _ in range(_ATTEMPTS):
        try:
            with _transaction() as cursor:
                return Batch(cursor, submissions, clock, missing_holds).run(intake)
        except (Moved, kept_store.IdTaken, payment_references.ReferenceTaken):
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
    with _transaction() as cursor:
        Batch(cursor, [], clock).sweep(users, proposals)


def quote(submission: Submission, *, clock: Callable[[], datetime] = timezone.now) -> Outcome:
    """What `post` would answer now: the same code, read-only. No lock, no key, no account is made.

    The event of the outcome has position 0 and was never stored.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        return Batch(cursor, [submission], clock).preview()


@contextmanager
def _transaction() -> Iterator[Pipeline]:
    with transaction.atomic(durable=True), connection.cursor() as cursor, Pipeline(cursor) as pipeline:
        send_later(pipeline, "set local idle_in_transaction_session_timeout = %s", _FROZEN_AFTER_MS)
        send_later(pipeline, "set local plan_cache_mode = force_generic_plan")
        yield pipeline


__all__ = ["Intake", "Outcome", "Submission", "post", "quote", "sweep"]

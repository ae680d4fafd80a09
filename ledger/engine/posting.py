"""The posting engine: every command enters the ledger here, in batches that run as set-based SQL.

# Note [Posting order]
A batch is one durable READ COMMITTED transaction, which always works in this order:

1. The transaction hook begins: the intake moves its Kafka positions.
2. Plan without locks: read what the commands refer to. Commands that are undecided, or refused without a
   record, get their outcomes now.
3. Claim the idempotency keys, sorted. A key that was claimed before gets its first answer again.
4. Create missing accounts, sorted, and lock the accounts of every user in the batch, user by user in
   ascending order of their ids.
5. Lock periods and tariffs (shared), machines, consulting requests and names such as coupon codes, and plan
   again with what is read under the locks. If a plan now needs something that is not locked, roll back and
   start from 1.
6. Allocate positions in the log. Expire what is overdue, then decide each command in turn. Every event is
   appended as soon as it is decided.
7. Write operations, entries, other state and accounts, and run the inline projections.
8. The hook finishes, and the transaction commits.

Because every batch locks in the same order, two workers with the same users never deadlock. A user is locked
as a whole, because locking single accounts would deadlock. The platform's accounts are never locked or
updated. Positions come after all locks: while a batch holds uncommitted positions, nothing after them can be
settled.

# Note [Changing periods or tariffs]
Every decision depends on the periods and tariffs. So a command that changes one is posted in a transaction of
its own, which locks them exclusively. Batches that were decided with the old ones have committed by then, and
later batches read the new ones: nothing recorded after a publication is priced with what it replaced.

# Note [Locked users]
A transaction that several callers share must not make all of them wait for one locked user. So it waits for a
lock only briefly, and is rolled back if another transaction keeps it: order, keys and outcomes are as if it
had not run. Its callers then leave out the submissions of locked users (`find_locked`), which wait longer,
alone.

# Note [Frozen processes]
A process that is suspended in the middle of a batch (with its machine, for example) keeps its users locked,
and nothing after its positions can be settled. So the database ends a transaction that is idle for too long,
and nothing of its batch is posted.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from events.pipeline import Pipeline, send_later
from ledger.domain.errors import Busy, LockTimeout
from ledger.domain.proposals import Proposal
from ledger.engine import journal, kept_store, payment_references
from ledger.engine.batch import Batch, TransactionHook, changes_period_or_tariff
from ledger.engine.deciding import StalePlan
from ledger.engine.submission import Outcome, Submission

_ATTEMPTS: Final = 8
_IDLE_TIMEOUT_MS: Final = 15_000  # Note [Frozen processes]
_LOCK_NOT_AVAILABLE: Final = "55P03"
_DEADLOCK_DETECTED: Final = "40P01"
_SERIALIZATION_FAILURE: Final = "40001"
_LOCKED: Final = "another transaction keeps a lock that this needs; send the same command again"


def post(
    submissions: Sequence[Submission],
    *,
    hook: TransactionHook | None = None,
    clock: Callable[[], datetime] = timezone.now,
    lock_timeout_ms: int | None = None,
) -> list[Outcome]:
    """Post a batch in one transaction; return an outcome for each submission, in the order given.

    Each submission is decided by itself: a refused one does not affect the others. One that changes a period
    or tariff splits the batch: what comes before it, itself, and what comes after it are posted in
    transactions of their own. Raises `LockTimeout` if another transaction keeps a lock for longer than
    `lock_timeout_ms` (default: settings, less for a batch than for a single submission), and `Busy` if the
    batch keeps losing races. Nothing is written then, and the keys stay unused.
    """
    if not submissions and hook is None:
        return []
    number = next((n for n, each in enumerate(submissions) if changes_period_or_tariff(each)), None)
    if number is not None and len(submissions) > 1:
        if hook is not None:
            raise ValueError("a change of a period or tariff is posted alone")
        parts = submissions[:number], submissions[number : number + 1], submissions[number + 1 :]
        return _post_parts(parts, clock, lock_timeout_ms)
    timeout = _lock_timeout_ms(len(submissions)) if lock_timeout_ms is None else lock_timeout_ms
    missing_holds: set[str] = set()
    for _ in range(_ATTEMPTS):
        batch = None
        try:
            with _transaction(timeout) as cursor:
                batch = Batch(cursor, submissions, clock, missing_holds, lock_timeout_ms=timeout)
                return batch.run(hook)
        except (StalePlan, kept_store.IdTaken, payment_references.ReferenceTaken):
            continue
        except OperationalError as error:
            code = getattr(error.__cause__, "pgcode", None)
            if code == _LOCK_NOT_AVAILABLE:
                users = () if batch is None else batch.users_by_submission()
                raise LockTimeout(_LOCKED, users=users) from error
            if code not in {_DEADLOCK_DETECTED, _SERIALIZATION_FAILURE}:
                raise
    raise Busy("the ledger kept losing a race; send the same command again")


def _post_parts(
    parts: Sequence[Sequence[Submission]], clock: Callable[[], datetime], lock_timeout_ms: int | None
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for part in parts:
        try:
            outcomes += post(part, clock=clock, lock_timeout_ms=lock_timeout_ms)
        except LockTimeout as error:
            # What was posted locks nothing any more, and what comes later was not planned.
            raise LockTimeout(error.message, users=((),) * len(outcomes) + tuple(error.users)) from error
    return outcomes


def sweep(
    users: Sequence[int],
    proposals: Sequence[Proposal] = (),
    *,
    clock: Callable[[], datetime] = timezone.now,
) -> None:
    """Expire these proposals, and the users' coupons and holds, that are overdue, in one transaction.

    Raises `LockTimeout` if another transaction keeps a lock on one of the users.
    """
    timeout = _lock_timeout_ms(len(users))
    try:
        with _transaction(timeout) as cursor:
            Batch(cursor, [], clock, lock_timeout_ms=timeout).sweep(users, proposals)
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise LockTimeout(_LOCKED) from error


def find_locked(users: Iterable[int]) -> set[int]:
    """Return those users whose accounts another transaction has locked now."""
    with transaction.atomic(), connection.cursor() as cursor:
        return journal.locked_users(cursor, sorted(users))


def quote(submission: Submission, *, clock: Callable[[], datetime] = timezone.now) -> Outcome:
    """Return the outcome that `post` would have now, by the same code but read-only.

    It takes no lock, claims no key and creates no account. The event has position 0 and is not stored.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        return Batch(cursor, [submission], clock).preview()


def _lock_timeout_ms(submissions: int) -> int:
    environment = settings.ENVIRONMENT
    timeout: int = (
        environment.lock_timeout_shared_ms if submissions > 1 else environment.lock_timeout_alone_ms
    )
    return timeout


@contextmanager
def _transaction(lock_timeout_ms: int) -> Iterator[Pipeline]:
    with transaction.atomic(durable=True), connection.cursor() as cursor, Pipeline(cursor) as pipeline:
        send_later(pipeline, "set local idle_in_transaction_session_timeout = %s", _IDLE_TIMEOUT_MS)
        send_later(pipeline, "set local lock_timeout = %s", lock_timeout_ms)
        send_later(pipeline, "set local plan_cache_mode = force_generic_plan")
        yield pipeline


__all__ = ["Outcome", "Submission", "TransactionHook", "find_locked", "post", "quote", "sweep"]

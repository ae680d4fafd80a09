"""Posts many submissions so that one failure does not affect the others."""

import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final, TypeAlias

from django.conf import settings

from events.pace import Pace
from events.poison import isolate
from ledger.domain.errors import LockTimeout
from ledger.engine.posting import find_locked, post
from ledger.engine.submission import Outcome, Submission

SHARED_MAX: Final = 1000
"""The most submissions that share a transaction."""

_log = logging.getLogger(__name__)

# One per process: each list starts with the size that the last one ended with.
_pace: Final = Pace(SHARED_MAX)

Post = Callable[[Sequence[Submission]], list[Outcome]]
Result: TypeAlias = Outcome | LockTimeout | None


def post_each(
    submissions: Sequence[Submission], *, with_post: Post = post, pace: Pace = _pace
) -> list[Result]:
    """Post in transactions of about 40 ms; return a result per submission, in their order.

    Transactions are short because they keep their users locked. A result is the outcome, a `LockTimeout` if
    another transaction keeps a user of the submission locked, or None where that submission alone failed
    unexpectedly; nothing of the last two was written. Raises errors that no submission causes, such as a
    lost database or `Busy`; everything can be sent again and nothing is repeated.
    """
    results: list[Result] = []
    while len(results) < len(submissions):
        shared, began = submissions[len(results) : len(results) + pace.size], monotonic()
        results += post_around_locks(shared, lambda some: isolate(some, with_post, give_up=_not_posted))
        pace.took(monotonic() - began, len(shared))
    return results


def post_around_locks(
    submissions: Sequence[Submission], with_post: Callable[[Sequence[Submission]], Sequence[Result]]
) -> list[Result]:
    """Post submissions together; those of users that stay locked apart from the others: Note [Locked users].

    The order of submissions of one user is kept.
    """
    try:
        return [*with_post(submissions)]
    except LockTimeout as timeout:
        if len(submissions) == 1:
            return [timeout]
        users = [*timeout.users, *((),) * (len(submissions) - len(timeout.users))]
    blocked = find_locked(user for named in users for user in named)
    free, waiting = [], []
    for index, named in enumerate(users):
        if blocked.isdisjoint(named):
            free.append(index)
        else:
            waiting.append(index)
            # What comes later for one of these users must not overtake it.
            blocked.update(named)
    results: dict[int, Result] = {}
    if waiting and free:
        results.update(zip(free, post_around_locks([submissions[n] for n in free], with_post), strict=True))
    else:
        waiting = [*range(len(submissions))]
    results.update(zip(waiting, _post_waiting([submissions[n] for n in waiting]), strict=True))
    return [results[index] for index in range(len(submissions))]


def _post_waiting(submissions: Sequence[Submission]) -> list[Result]:
    """Post submissions of locked users in one longer attempt, so that a list waits once, not per item."""
    alone_ms = settings.ENVIRONMENT.lock_timeout_alone_ms
    try:
        return isolate(submissions, lambda some: post(some, lock_timeout_ms=alone_ms), give_up=_not_posted)
    except LockTimeout as timeout:
        return [timeout] * len(submissions)


def _not_posted(submission: Submission, error: Exception) -> list[Result]:
    _log.error(
        "%s of %s cannot be posted", submission.sender.request_id, submission.sender.source, exc_info=error
    )
    return [None]

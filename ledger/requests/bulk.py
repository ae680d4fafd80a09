"""Posts many submissions so that one failure does not affect the others."""

import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

from events.pace import Pace
from events.poison import isolate
from ledger.engine.posting import post
from ledger.engine.submission import Outcome, Submission

SHARED_MAX: Final = 1000
"""The most submissions that share a transaction."""

_log = logging.getLogger(__name__)

# One per process: each list starts with the size that the last one ended with.
_pace: Final = Pace(SHARED_MAX)

Post = Callable[[Sequence[Submission]], list[Outcome]]


def post_each(
    submissions: Sequence[Submission], *, with_post: Post = post, pace: Pace = _pace
) -> list[Outcome | None]:
    """Post in transactions of about 40 ms; return an outcome per submission, in their order.

    Transactions are short because they keep their users locked. The outcome is None where that submission
    alone failed unexpectedly; nothing of it was written. Raises errors that no submission causes, such as a
    lost database or `Busy`; everything can be sent again and nothing is repeated.
    """
    outcomes: list[Outcome | None] = []
    while len(outcomes) < len(submissions):
        shared, began = submissions[len(outcomes) : len(outcomes) + pace.size], monotonic()
        outcomes += isolate(shared, with_post, give_up=_not_posted)
        pace.took(monotonic() - began, len(shared))
    return outcomes


def _not_posted(submission: Submission, error: Exception) -> list[Outcome | None]:
    _log.error("%s of %s cannot be posted", submission.request_id, submission.source, exc_info=error)
    return [None]

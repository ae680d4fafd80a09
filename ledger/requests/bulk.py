"""Posts many submissions so that one failure does not affect the others."""

import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

from events.pace import Pace
from events.poison import POISON, is_poison
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
        outcomes += _bisected(shared, with_post)
        pace.took(monotonic() - began, len(shared))
    return outcomes


def _bisected(submissions: Sequence[Submission], with_post: Post) -> list[Outcome | None]:
    try:
        return [*with_post(submissions)]
    except POISON as error:
        if not is_poison(error):
            raise
        if len(submissions) == 1:
            only = submissions[0]
            _log.exception("%s of %s cannot be posted", only.request_id, only.source)
            return [None]
    middle = len(submissions) // 2
    return _bisected(submissions[:middle], with_post) + _bisected(submissions[middle:], with_post)

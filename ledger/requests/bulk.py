"""Many submissions at once, none of which can make the others fail."""

import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

from events.pace import Pace
from events.poison import POISON, is_poison
from ledger.engine.posting import post
from ledger.engine.submission import Outcome, Submission

SHARED_MAX: Final = 1000
"""The most that share a transaction."""

_log = logging.getLogger(__name__)

# Of this process: what one list has shown, the next begins with.
_pace: Final = Pace(SHARED_MAX)

Post = Callable[[Sequence[Submission]], list[Outcome]]


def post_each(
    submissions: Sequence[Submission], *, with_post: Post = post, pace: Pace = _pace
) -> list[Outcome | None]:
    """Post in transactions of some 40 ms; an outcome per submission, in their order.

    A transaction keeps its users locked, and whoever else posts for one of them waits for it. None where
    that one submission failed for a reason nobody foresaw: nothing of it was written. Raises what is nobody's
    own fault, such as a database that is not there, or `Busy`: sending everything again repeats nothing.
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

"""Many submissions at once, none of which can make the others fail."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from events.kafka.poison import POISON, is_poison
from ledger.commands import Outcome, Submission
from ledger.posting import post

# Bounds how long a transaction keeps its users locked, and so how long anybody else waits for them: some
# 20 to 30 ms. More at once would not be faster.
SHARED_MAX: Final = 100

_log = logging.getLogger(__name__)

Post = Callable[[Sequence[Submission]], list[Outcome]]


def post_each(submissions: Sequence[Submission], *, with_post: Post = post) -> list[Outcome | None]:
    """Post in transactions of up to `SHARED_MAX`; an outcome per submission, in their order.

    None where that one submission failed for a reason nobody foresaw: nothing of it was written. Raises
    what is nobody's own fault, such as a database that is not there, or `Busy`: sending everything again
    repeats nothing.
    """
    outcomes: list[Outcome | None] = []
    for start in range(0, len(submissions), SHARED_MAX):
        outcomes += _bisected(submissions[start : start + SHARED_MAX], with_post)
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

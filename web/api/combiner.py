"""One transaction for the requests that wait at the same time.

# Note [Sharing a transaction]
A thread that arrives while no other thread posts, posts the submissions of all waiting threads, its own
included. Then it wakes the first of the threads that arrived meanwhile, which posts the next batch. There
is no other queue: each caller is answered after the commit that recorded its operation. If a shared
transaction fails, nothing of it is written and each of its callers retries alone, so that an error reaches
only the caller whose submission caused it.
"""

import logging
from collections.abc import Callable, Sequence
from threading import Event, Lock

from ledger.engine.submission import Outcome, Submission

Post = Callable[[Sequence[Submission]], Sequence[Outcome]]

_log = logging.getLogger(__name__)


class _Call:
    """A caller's submission. If woken with neither `outcome` nor `alone` set, it must post the next batch."""

    __slots__ = ("alone", "outcome", "submission", "woken")

    def __init__(self, submission: Submission) -> None:
        self.submission = submission
        self.woken = Event()
        self.outcome: Outcome | None = None
        self.alone = False


class Combiner:
    """Call `post` with the submissions of up to `batch_max` concurrent callers at once."""

    def __init__(self, post: Post, *, batch_max: int = 100) -> None:
        self._post = post
        self._batch_max = batch_max
        self._lock = Lock()
        self._waiting: list[_Call] = []
        self._posting = False

    def __call__(self, submission: Submission) -> Outcome:
        """Return the outcome of a submission once it is durable. Raises what `post` raises for it alone."""
        call = _Call(submission)
        with self._lock:
            self._waiting.append(call)
            must_wait, self._posting = self._posting, True
        if must_wait:
            call.woken.wait()
        if call.outcome is None and not call.alone:
            self._post_waiting()
        if call.outcome is None:
            (call.outcome,) = self._post([submission])
        return call.outcome

    def _post_waiting(self) -> None:
        with self._lock:
            calls, self._waiting = self._waiting[: self._batch_max], self._waiting[self._batch_max :]
        try:
            outcomes = self._post([call.submission for call in calls])
            for call, outcome in zip(calls, outcomes, strict=True):
                call.outcome = outcome
        except Exception:
            if len(calls) == 1:
                raise
            _log.warning("a transaction shared by %d requests failed", len(calls), exc_info=True)
        finally:
            for call in calls:
                call.alone = True  # a call without an outcome is retried alone
                call.woken.set()
            with self._lock:
                if self._waiting:
                    self._waiting[0].woken.set()
                else:
                    self._posting = False

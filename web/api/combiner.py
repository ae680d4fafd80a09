"""Requests that wait at the same time share a transaction.

# Note [Sharing a transaction]
The thread that finds nobody posting posts for all who wait, itself included; then the first of those
who came meanwhile is woken to post for the next lot. Nothing is queued beyond that: each caller is
answered after the commit that recorded his operation. Where a shared transaction fails, nothing of
it was written, and each of its callers tries again by himself, so that a failure stays with whom it
belongs to.
"""

import logging
from collections.abc import Callable, Sequence
from threading import Event, Lock

from ledger.engine.submission import Outcome, Submission

Post = Callable[[Sequence[Submission]], Sequence[Outcome]]

_log = logging.getLogger(__name__)


class _Call:
    """A caller and his submission. `woken` with neither an outcome nor `alone`: it is his turn to post."""

    __slots__ = ("alone", "outcome", "submission", "woken")

    def __init__(self, submission: Submission) -> None:
        self.submission = submission
        self.woken = Event()
        self.outcome: Outcome | None = None
        self.alone = False


class Combiner:
    """Calls `post` with the submissions of up to `most` concurrent callers at once."""

    def __init__(self, post: Post, *, most: int = 100) -> None:
        self._post = post
        self._most = most
        self._lock = Lock()
        self._waiting: list[_Call] = []
        self._posting = False

    def __call__(self, submission: Submission) -> Outcome:
        """The outcome of one submission, once it is durable. Raises what `post` raises for it alone."""
        call = _Call(submission)
        with self._lock:
            self._waiting.append(call)
            waits, self._posting = self._posting, True
        if waits:
            call.woken.wait()
        if call.outcome is None and not call.alone:
            self._post_waiting()
        if call.outcome is None:
            (call.outcome,) = self._post([submission])
        return call.outcome

    def _post_waiting(self) -> None:
        with self._lock:
            calls, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
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
                call.alone = True  # whoever has no outcome now tries again by himself
                call.woken.set()
            with self._lock:
                if self._waiting:
                    self._waiting[0].woken.set()
                else:
                    self._posting = False

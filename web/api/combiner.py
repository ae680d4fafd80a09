"""One transaction for the requests that wait at the same time.

# Note [Sharing a transaction]
A thread that arrives while no other thread posts, posts the submissions of all waiting threads, its own
included. Then it wakes the first of the threads that arrived meanwhile, which posts the next batch. There
is no other queue: each caller is answered after the commit that recorded its operation. If a shared
transaction fails, nothing of it is written and each of its callers retries alone, so that an error reaches
only the caller whose submission caused it. If the database is away, none retries: each would only wait for it
once more.

# Note [Requests of a locked user]
If a shared transaction fails because another transaction keeps a user locked, what the submissions of that
user name is remembered for a second. Submissions that name the same are posted alone, and one thread at a
time waits for it; further ones are `busy` at once. So a locked user delays neither the transactions nor the
threads of others.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Lock
from time import monotonic
from typing import Any, Final

from django.db import Error, InterfaceError, OperationalError

from events.poison import is_poison
from ledger.domain.errors import LockTimeout
from ledger.engine.posting import find_locked
from ledger.engine.submission import Outcome, Submission

Post = Callable[[Sequence[Submission]], Sequence[Outcome]]

_REMEMBERED_SECONDS: Final = 1.0
# A second waiter would queue behind the first one and wait twice as long.
_WAITERS_MAX: Final = 1
_NAMES: Final = {
    "user": ("operation_user", "user"),
    "machine": ("machine",),
    "hold": ("hold",),
    "payout": ("payout",),
    "contract": ("contract",),
    "operation": ("operation",),
    "proposal": ("proposal",),
    "payment": ("payment",),
}

_log = logging.getLogger(__name__)


class _Call:
    """A caller's submission. If woken with neither `outcome` nor `alone` set, it must post the next batch."""

    __slots__ = ("alone", "error", "names", "outcome", "submission", "woken")

    def __init__(self, submission: Submission) -> None:
        self.submission = submission
        self.names = names_of(submission.command)
        self.woken = Event()
        self.outcome: Outcome | None = None
        self.error: Error | None = None
        self.alone = False


class Combiner:
    """Call `post` with the submissions of up to `batch_max` concurrent callers at once.

    `post_alone` posts a single submission that had no outcome in a shared transaction; it may wait longer for
    locks. `find_locked` returns those users whom another transaction keeps locked.
    """

    def __init__(
        self,
        post: Post,
        *,
        post_alone: Post | None = None,
        find_locked: Callable[[Iterable[int]], set[int]] = find_locked,
        batch_max: int = 100,
    ) -> None:
        self._post = post
        self._post_one = post_alone or post
        self._find_locked = find_locked
        self._batch_max = batch_max
        self._lock = Lock()
        self._waiting: list[_Call] = []
        self._posting = False
        self._locked_until: dict[str, float] = {}
        self._waiters: Counter[str] = Counter()

    def __call__(self, submission: Submission) -> Outcome:
        """Return the outcome of a submission once it is durable. Raises what `post` raises for it alone."""
        call = _Call(submission)
        if self._locked_names(call):
            return self._post_alone(call)
        with self._lock:
            self._waiting.append(call)
            must_wait, self._posting = self._posting, True
        if must_wait:
            call.woken.wait()
        if call.outcome is None and not call.alone:
            self._post_waiting()
        if call.error is not None:
            raise type(call.error)(*call.error.args) from call.error
        return self._post_alone(call) if call.outcome is None else call.outcome

    def _post_waiting(self) -> None:
        with self._lock:
            calls, self._waiting = self._waiting[: self._batch_max], self._waiting[self._batch_max :]
        try:
            outcomes = self._post([call.submission for call in calls])
            for call, outcome in zip(calls, outcomes, strict=True):
                call.outcome = outcome
        except LockTimeout as timeout:
            self._remember(calls, timeout)
        except Exception as error:
            if len(calls) == 1:
                raise
            _log.warning("a transaction shared by %d requests failed", len(calls), exc_info=True)
            if isinstance(error, (OperationalError, InterfaceError)) and not is_poison(error):
                for call in calls:
                    call.error = error
        finally:
            for call in calls:
                call.alone = True  # a call without an outcome is retried alone
                call.woken.set()
            with self._lock:
                if self._waiting:
                    self._waiting[0].woken.set()
                else:
                    self._posting = False

    def _post_alone(self, call: _Call) -> Outcome:
        with self._waiting_for(self._locked_names(call)):
            try:
                (outcome,) = self._post_one([call.submission])
            except LockTimeout as timeout:
                self._remember([call], timeout)
                raise
        return outcome

    @contextmanager
    def _waiting_for(self, names: Sequence[str]) -> Iterator[None]:
        with self._lock:
            if any(self._waiters[name] >= _WAITERS_MAX for name in names):
                raise LockTimeout("another transaction keeps a user locked; send the same command again")
            self._waiters.update(names)
        try:
            yield
        finally:
            with self._lock:
                self._waiters.subtract(names)

    def _locked_names(self, call: _Call) -> list[str]:
        now = monotonic()
        return [name for name in call.names if self._locked_until.get(name, 0.0) > now]

    def _remember(self, calls: Sequence[_Call], timeout: LockTimeout) -> None:
        """Remember what the submissions of locked users name: the user, or else what led to the user."""
        try:
            locked = self._find_locked({user for users in timeout.users for user in users})
        except Error:
            _log.warning("the locked users of a transaction are unknown", exc_info=True)
            return
        until = monotonic() + _REMEMBERED_SECONDS
        named = {f"user:{user}" for user in locked}
        with self._lock:
            self._locked_until = {name: end for name, end in self._locked_until.items() if end > monotonic()}
            for call, users in zip(calls, timeout.users, strict=False):
                if not locked.isdisjoint(users):
                    others = {name for name in call.names if not name.startswith("user:")}
                    self._locked_until.update(dict.fromkeys(named & call.names or others, until))


def names_of(command: Any) -> frozenset[str]:
    """Return the users, machines, holds, … that a command names: `user:42`, `machine:7`."""
    command = getattr(command, "estimate", command)
    found = ((kind, getattr(command, name, None)) for kind, names in _NAMES.items() for name in names)
    return frozenset(f"{kind}:{value}" for kind, value in found if value is not None)

"""The worker that expires overdue coupons, holds and proposals."""

import logging
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

from django.db import connection
from django.utils import timezone

from events.poison import isolate
from events.worker import Attempts, Stop
from ledger.domain.errors import LockTimeout
from ledger.domain.proposals import Proposal
from ledger.engine.posting import sweep
from ledger.queries.proposals import overdue

log = logging.getLogger(__name__)

_BATCH_SIZE: Final = 500
_REST_SECONDS: Final = 1.0


def sweep_overdue(*, now: datetime) -> int:
    """Expire the overdue items of up to 500 users, and up to 500 overdue proposals; return their number.

    A late sweep never changes a result: decisions and pages check expiry themselves.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """select user_id from ledger_grant where remaining > 0 and expires_at <= %(now)s
               union
               select user_id from ledger_hold where state = 'open' and expires_at <= %(now)s
               limit %(users)s""",
            {"now": now, "users": _BATCH_SIZE},
        )
        users = sorted(row[0] for row in cursor.fetchall())
    proposals = overdue(at=now, limit=_BATCH_SIZE)
    # A user whom another transaction keeps locked must not hold up the others.
    skip = partial(isolate, give_up=_skip, causes=(LockTimeout,), is_cause=lambda _: True)
    if users:
        skip(users, lambda some: _sweep(some, (), now))
    if proposals:
        skip(proposals, lambda some: _sweep((), some, now))
    return len(users) + len(proposals)


def _sweep(users: Sequence[int], proposals: Sequence[Proposal], now: datetime) -> tuple[()]:
    sweep(users, proposals, clock=lambda: now)
    return ()


def _skip(subject: object, error: Exception) -> tuple[()]:
    log.warning("%s is not swept now: %s", subject, error)
    return ()


def run(stop: Stop) -> None:
    """Sweep about every second until a stop is requested. Several workers may run at once."""
    Attempts(stop, worker="expire").run(_step, rest_seconds=_REST_SECONDS)


def _step() -> bool:
    swept = sweep_overdue(now=timezone.now())
    if swept:
        log.info("recorded expiries of %d users and proposals", swept)
    return swept >= _BATCH_SIZE

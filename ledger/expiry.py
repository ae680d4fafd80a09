"""The sweep of what is overdue and nothing else touches."""

import logging
from datetime import datetime
from typing import Final

from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.utils import timezone

from events.worker import Backoff, Stop
from ledger.engine.posting import sweep
from ledger.queries.proposals import overdue

log = logging.getLogger(__name__)

_AT_ONCE: Final = 500
_REST_SECONDS: Final = 1.0


def sweep_overdue(*, now: datetime) -> int:
    """Expire coupons, holds and proposals that are overdue at a time, some of them; of how many it was.

    Counted are users with coupons or holds, and proposals. What it misses is not wrong, only not written
    yet: whoever decides or shows looks at the time.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """select user_id from ledger_grant where remaining > 0 and expires_at <= %(now)s
               union
               select user_id from ledger_hold where state = 'open' and expires_at <= %(now)s
               limit %(users)s""",
            {"now": now, "users": _AT_ONCE},
        )
        users = sorted(row[0] for row in cursor.fetchall())
    proposals = overdue(at=now, most=_AT_ONCE)
    if users or proposals:
        sweep(users, proposals, clock=lambda: now)
    return len(users) + len(proposals)


def run(stop: Stop) -> None:
    """Sweep about every second until asked to stop; several may."""
    backoff = Backoff()
    while not stop.asked:
        close_old_connections()
        try:
            swept = sweep_overdue(now=timezone.now())
        except (OperationalError, InterfaceError) as error:
            connection.close()
            delay = backoff.next()
            log.warning("nothing was swept, trying again in %.1f s: %s", delay, str(error).strip())
            stop.wait(delay)
            continue
        backoff.reset()
        if swept:
            log.info("swept what was overdue of %d users and proposals", swept)
        if swept < _AT_ONCE:
            stop.wait(_REST_SECONDS)

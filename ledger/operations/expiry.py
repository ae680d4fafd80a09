"""The sweep of what is overdue of users whom nothing else touches."""

import logging
from datetime import datetime
from typing import Final

from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.utils import timezone

from events.worker import Backoff, Stop
from ledger.posting import sweep

log = logging.getLogger(__name__)

_USERS: Final = 500
_REST_SECONDS: Final = 1.0


def sweep_overdue(*, now: datetime) -> int:
    """Expire the coupons and holds that are overdue at a time, of some users; how many users they were.

    What it misses is not wrong, only not written yet: whoever decides or shows looks at the time.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """select user_id from ledger_grant where remaining > 0 and expires_at <= %(now)s
               union
               select user_id from ledger_hold where state = 'open' and expires_at <= %(now)s
               limit %(users)s""",
            {"now": now, "users": _USERS},
        )
        users = sorted(row[0] for row in cursor.fetchall())
    if users:
        sweep(users, clock=lambda: now)
    return len(users)


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
            log.info("swept what was overdue of %d users", swept)
        if swept < _USERS:
            stop.wait(_REST_SECONDS)

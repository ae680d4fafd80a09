"""The settled position: no event at or below it can still appear.

# Note [Settling]
A sequence assigns positions before commit, so a reader that asks for "everything after my checkpoint" skips a
row that commits late. Every appender takes ROW EXCLUSIVE on `events_event` before its first `nextval`. A
transaction that can still fill a gap below the highest visible position took its position before the highest
one became visible, so it holds the lock now. The settler notes the holders; once all of them are gone it
reads again (PostgreSQL makes a commit visible before it releases the locks), and what is still missing was
rolled back. There is no timeout, and transactions that append nothing are not waited for.

If a settler is frozen, the database ends its idle transaction, so that another can settle. The same holds for
an appender that is frozen between two statements; one that is frozen in the middle of a COPY is not idle for
the database, and the settler ends it.
"""

import time
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection, transaction

_ADVISORY_LOCK: Final = 0x4C45_4447_0001  # one settler at a time
_SCAN: Final = 20_000
_FROZEN_AFTER_MS: Final = 2000
_STALLED_AFTER_SECONDS: Final = 15.0
_HOLDERS: Final = """
    select pid, virtualtransaction from pg_locks
    where locktype = 'relation' and mode = 'RowExclusiveLock' and granted
      and database = (select oid from pg_database where datname = current_database())
      and relation = 'events_event'::regclass"""


@dataclass(slots=True)
class _Gap:
    """Positions up to `highest` that were missing while `holders` could still fill them."""

    highest: int
    holders: frozenset[str]


class Settler:
    """Advances the settled position. Any worker may run one; an advisory lock decides which one does."""

    def __init__(self) -> None:
        self._gap: _Gap | None = None

    def advance(self) -> int:
        """Move the settled position as far as it can go now, and return it."""
        own = not connection.in_atomic_block
        with transaction.atomic(), connection.cursor() as cursor:
            if own:
                cursor.execute("set local idle_in_transaction_session_timeout = %s", [_FROZEN_AFTER_MS])
            cursor.execute("select pg_try_advisory_xact_lock(%s)", [_ADVISORY_LOCK])
            if not cursor.fetchone()[0]:
                self._gap = None
                return settled()
            position = start = settled()
            reached, highest = self._scan(cursor, position)
            while reached == position + _SCAN:
                position = reached
                reached, highest = self._scan(cursor, position)
            position = reached
            if highest > position:
                position = self._beyond_gap(cursor, position, highest)
            else:
                self._gap = None
            if position > start:
                cursor.execute("update events_settled set position = %s where id = 1", [position])
            else:
                _end_stalled(cursor)
            return position

    def _beyond_gap(self, cursor: Any, position: int, highest: int) -> int:
        if self._gap is None:
            # The holders are read after `highest`, never before.
            self._gap = _Gap(highest, _holders(cursor))
        if self._gap.holders & _holders(cursor):
            return position
        # All who could fill the gap are gone: what is missing below was rolled back.
        certain, self._gap = self._gap.highest, None
        return self._scan(cursor, certain)[0]

    @staticmethod
    def _scan(cursor: Any, after: int) -> tuple[int, int]:
        """Return where the first gap after a position begins, and the highest visible position of the scan.

        Without a gap both are the same.
        """
        cursor.execute(
            """with scan as (
                   select position, position - row_number() over (order by position) as gap
                   from (select position from events_event where position > %(after)s
                         order by position limit %(scan)s) next)
               select coalesce(max(position) filter (where gap = %(after)s), %(after)s),
                      coalesce(max(position), %(after)s)
               from scan""",
            {"after": after, "scan": _SCAN},
        )
        reached, highest = cursor.fetchone()
        return reached, highest


def settled() -> int:
    """Return the settled position, up to which readers may read."""
    with connection.cursor() as cursor:
        cursor.execute("select position from events_settled where id = 1")
        row = cursor.fetchone()
    if row is None:
        raise RuntimeError("the row of events_settled is missing: run the migrations")
    return int(row[0])


def settle_all(timeout_seconds: float = 30.0) -> int:
    """Wait until everything visible now is settled, and return the settled position.

    For reports and `verify`. After the timeout the position returned may be lower.
    """
    settler, deadline = Settler(), time.monotonic() + timeout_seconds
    with connection.cursor() as cursor:
        cursor.execute("select coalesce(max(position), 0) from events_event")
        target: int = cursor.fetchone()[0]
    while (position := settler.advance()) < target and time.monotonic() < deadline:
        time.sleep(0.02)
    return position


def _holders(cursor: Any) -> frozenset[str]:
    """Return the holders of the appenders' lock, as virtual transactions."""
    cursor.execute(_HOLDERS)
    return frozenset(row[1] for row in cursor.fetchall())


def _end_stalled(cursor: Any) -> None:
    """End the connections of appenders that are stalled in the middle of a COPY."""
    cursor.execute(
        f"""select pg_terminate_backend(holder.pid)
            from ({_HOLDERS}) holder join pg_stat_activity a on a.pid = holder.pid
            where a.usename = current_user and a.state = 'active' and a.wait_event = 'ClientRead'
              and a.state_change < clock_timestamp() - make_interval(secs => %s)""",  # noqa: S608 (fixed text)
        [_STALLED_AFTER_SECONDS],
    )

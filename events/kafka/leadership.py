"""Decides which of several relays publishes.

# Note [One relay]
Kafka keeps an old relay from publishing: all relays share a transactional id, and the latest producer fences
the others. Leadership only keeps two relays from fencing each other for ever: the one that holds a lock in
the database publishes, and the others wait. A killed holder releases the lock with its connection. A paused
holder keeps it but sends no heartbeat: after a while another relay continues without the lock, and the old
one is fenced when it wakes up.
"""

import secrets
from typing import Final

from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

_LOCK: Final = 0x4C45_4447_0002
_NAME: Final = "relay:leader"


class Leadership:
    """The leader's lock, held by a separate connection. `patience`: seconds to wait for a silent leader."""

    def __init__(self, *, patience: float = 15.0) -> None:
        self._patience = patience
        self._own: BaseDatabaseWrapper | None = None
        # Stored with the time, so that a leader without the lock is identified by it.
        self._token = secrets.randbits(62)

    def holds(self) -> bool:
        """Return whether this relay may publish now, and send a heartbeat if so.

        Call it every few seconds.
        """
        if self._own is None:
            self._own = connections["default"].copy()
        own = self._own
        with own.cursor() as cursor:
            # The lock is taken once per session; asking again only confirms that the session is alive.
            cursor.execute(
                """select exists (select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()
                                    and ((classid::bigint << 32) | objid::bigint) = %(lock)s)
                       or pg_try_advisory_lock(%(lock)s)""",
                {"lock": _LOCK},
            )
            held = bool(cursor.fetchone()[0])
        with connection.cursor() as cursor:
            cursor.execute(
                """insert into events_checkpoint as leader (name, position, updated_at)
                   values (%(name)s, %(token)s, now())
                   on conflict (name) do update set position = %(token)s, updated_at = now()
                   where %(held)s or leader.position = %(token)s
                      or leader.updated_at < now() - make_interval(secs => %(patience)s)""",
                {"name": _NAME, "token": self._token, "held": held, "patience": self._patience},
            )
            leads: int = cursor.rowcount
        return leads == 1

    def give_up(self) -> None:
        """Release leadership."""
        if self._own is not None:
            self._own.close()
            self._own = None

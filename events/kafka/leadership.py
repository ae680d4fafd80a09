"""Which of several relays is the one that publishes.

# Note [One relay]
What keeps an old relay from publishing is Kafka: the transactional id is the same for all, and who
begins last fences the others. This here only keeps two relays from fencing each other for ever: the
one that holds a lock in the database publishes, the others wait. A holder that was killed gives the
lock up with its connection. One that is merely paused keeps it, but no longer says that it lives:
after a while another one goes on without the lock, and the old one is fenced when it wakes up.
"""

import secrets
from typing import Final

from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

_LOCK: Final = 0x4C45_4447_0002
_NAME: Final = "relay:leader"


class Leadership:
    """Held through a connection of its own. `patience` is how long a silent leader is waited for (s)."""

    def __init__(self, *, patience: float = 15.0) -> None:
        self._patience = patience
        self._own: BaseDatabaseWrapper | None = None
        # Noted beside the time, so that whoever went on without the lock is known by it.
        self._token = secrets.randbits(62)

    def holds(self) -> bool:
        """Whether this relay may publish now; says that it lives if so. To be called every few seconds."""
        if self._own is None:
            self._own = connections["default"].copy()
        own = self._own
        with own.cursor() as cursor:
            # Taken once for a session: asking again only says that the session still lives.
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
        """Let another one publish."""
        if self._own is not None:
            self._own.close()
            self._own = None

"""Heartbeats of the workers: each says every few seconds that it works, and withdraws when it ends.

A worker beats from its loop, after a step that succeeded. So one that hangs, or cannot reach the broker or
the database, stops beating like one that was killed.
"""

import os
import socket
import time
from typing import Final, NamedTuple

from django.db import InterfaceError, OperationalError, connection

WORKERS: Final = ("ingest", "relay", "expire", "project")
"""The workers that every ledger needs."""

ALIVE_SECONDS: Final = 60
"""A worker whose last heartbeat is older counts as ended."""

_EVERY: Final = 5.0


class WorkerState(NamedTuple):
    """The processes of a worker that are alive, and the age (seconds) of its latest heartbeat, or None."""

    worker: str
    alive: int
    age_seconds: float | None


class Heartbeat:
    """The heartbeat of this process as a worker."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._beaten_at = float("-inf")

    def beat(self) -> None:
        """Say that this process works, if that was not said in the last five seconds."""
        now = time.monotonic()
        if now - self._beaten_at >= _EVERY:
            self._beaten_at = now
            self._write(
                """insert into events_heartbeat (worker, host, pid, beat_at) values (%s, %s, %s, now())
                   on conflict (worker, host, pid) do update set beat_at = now()"""
            )

    def end(self) -> None:
        """Withdraw this process, and forget those that ended long ago without doing so."""
        self._write("delete from events_heartbeat where worker = %s and host = %s and pid = %s")
        self._write(
            """delete from events_heartbeat
               where (worker, host, pid) <> (%s, %s, %s) and beat_at < now() - interval '1 day'"""
        )

    def _write(self, statement: str) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, [self._worker, socket.gethostname(), os.getpid()])
        except (OperationalError, InterfaceError):
            # The database is away: the next step of the worker meets that too, and logs it.
            return


def read(*, host: str | None = None) -> list[WorkerState]:
    """Return the state of each worker, of one host or of all."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select names.worker,
                      count(*) filter (where b.beat_at > now() - make_interval(secs => %s)),
                      extract(epoch from now() - max(b.beat_at))
               from unnest(%s) with ordinality names (worker, n)
               left join events_heartbeat b on b.worker = names.worker and (%s::text is null or b.host = %s)
               group by names.worker, names.n order by names.n""",
            [ALIVE_SECONDS, list(WORKERS), host, host],
        )
        return [
            WorkerState(worker, alive, None if age is None else float(age))
            for worker, alive, age in cursor.fetchall()
        ]

"""Part of the work in a process beside this one, over the very same snapshot."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import TypeAlias

from django.db import connection, connections

from projections.verification.findings import Mismatch

Work: TypeAlias = Callable[[str, Callable[[Mismatch], None]], None]
"""Does its part in the snapshot of this id, and tells what it finds."""


class Beside:
    """The other process, as this one sees it."""

    def __init__(self, other: Connection, tell: Callable[[Mismatch], None]) -> None:
        self._other = other
        self._tell = tell
        self._ended = False

    def start(self) -> None:
        """Let it begin, in the snapshot of this process's transaction, which has to stay open."""
        with connection.cursor() as cursor:
            cursor.execute("select pg_export_snapshot()")
            self._other.send(cursor.fetchone()[0])

    def listen(self) -> None:
        """Pass on what it has told so far."""
        while not self._ended and self._other.poll():
            self._receive()

    def finish(self) -> None:
        """Wait until it has done its part. Raises `EOFError` where it died instead."""
        while not self._ended:
            self._receive()

    def _receive(self) -> None:
        told = self._other.recv()
        if told is None:
            self._ended = True
        else:
            self._tell(told)


@contextmanager
def beside(work: Work, tell: Callable[[Mismatch], None]) -> Iterator[Beside]:
    """A process that does `work`; it ends with the block."""
    # A forked process must not inherit a connection: it would be closed under this one.
    connections.close_all()
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=_run, args=(work, there), daemon=True)
    process.start()
    there.close()
    try:
        yield Beside(here, tell)
    finally:
        here.close()
        process.terminate()
        process.join()


def _run(work: Work, parent: Connection) -> None:
    try:
        work(parent.recv(), parent.send)
        parent.send(None)
    finally:
        connections.close_all()
        parent.close()

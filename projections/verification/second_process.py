"""Runs part of the work in a second process, over the same snapshot."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import TypeAlias

from django.db import connection, connections

from projections.verification.findings import Mismatch

Work: TypeAlias = Callable[[str, Callable[[Mismatch], None]], None]
"""Does its part in the snapshot of this id, and sends what it finds."""


class SecondProcess:
    """The second process, as the first one sees it."""

    def __init__(self, other: Connection, report: Callable[[Mismatch], None]) -> None:
        self._other = other
        self._report = report
        self._ended = False

    def start(self) -> None:
        """Start it in the snapshot of this process's transaction, which must stay open."""
        with connection.cursor() as cursor:
            cursor.execute("select pg_export_snapshot()")
            self._other.send(cursor.fetchone()[0])

    def listen(self) -> None:
        """Report the mismatches that it has sent so far."""
        while not self._ended and self._other.poll():
            self._receive()

    def finish(self) -> None:
        """Wait until it has finished. Raises `EOFError` if it died."""
        while not self._ended:
            self._receive()

    def _receive(self) -> None:
        reported = self._other.recv()
        if reported is None:
            self._ended = True
        else:
            self._report(reported)


@contextmanager
def second_process(work: Work, report: Callable[[Mismatch], None]) -> Iterator[SecondProcess]:
    """Run `work` in a second process until the block ends."""
    # A forked process must not inherit a connection: closing it there would close it here.
    connections.close_all()
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=_run, args=(work, there), daemon=True)
    process.start()
    there.close()
    try:
        yield SecondProcess(here, report)
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

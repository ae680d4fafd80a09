"""Rebuilds an asynchronous projection: replays the log into shadow tables, then swaps them in."""

from collections.abc import Callable
from typing import Any

from django.db import connection, transaction

from events import store
from events.settler import settle_all, settled
from projections import checkpoints
from projections.projection import Projection
from projections.runner import CHUNK
from projections.shadow import Swapped, shadow_tables, swap


def rebuild(
    projection: Projection,
    *,
    progress: Callable[[int, int], None] = lambda _position, _settled: None,
    chunk: int = CHUNK,
) -> Swapped:
    """Replay the whole log in chunks and correct rows that differ; return their number.

    Readers see the old rows until the swap. The projection's runner continues and waits only for the swap:
    the end of the log is replayed under the checkpoint's lock.
    """
    upto = settle_all()
    with shadow_tables([projection]), connection.cursor() as cursor:
        position = _replay(cursor, projection, 0, upto, chunk, progress)
        with transaction.atomic():
            checkpoints.lock(cursor, projection.name)
            upto = settled()
            _replay(cursor, projection, position, upto, chunk, progress)
            swapped = [swap(cursor, table) for table in projection.tables]
            checkpoints.move(cursor, projection.name, upto)
    return Swapped(sum(each.deleted for each in swapped), sum(each.inserted for each in swapped))


def _replay(
    cursor: Any,
    projection: Projection,
    position: int,
    upto: int,
    chunk: int,
    progress: Callable[[int, int], None],
) -> int:
    while events := store.read(after=position, upto=upto, limit=chunk):
        with transaction.atomic():
            projection.apply(cursor, events)
        position = events[-1].position
        progress(position, upto)
    return upto

"""Sums of what workers did, over all of them and over restarts.

Added to every few seconds in a statement of its own, never while something is posted: what a worker did
since it last noted it is lost with a worker that is killed. The log is what is exact.
"""

from collections.abc import Mapping

from django.db import connection


def add(worker: str, counts: Mapping[str, int]) -> None:
    """Add what a worker did, by outcome; nothing is written where it did nothing."""
    done = sorted((outcome, count) for outcome, count in counts.items() if count)
    if not done:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """insert into events_tally as t (worker, outcome, count, updated_at)
               select %s, v.outcome, v.count, now()
               from unnest(%s::text[], %s::bigint[]) as v(outcome, count)
               on conflict (worker, outcome)
               do update set count = t.count + excluded.count, updated_at = now()""",
            [worker, [outcome for outcome, _ in done], [count for _, count in done]],
        )

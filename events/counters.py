"""Counters of what workers did, summed over all workers and restarts.

Updated every few seconds by a separate statement, never while posting, so a killed worker loses its latest
counts. The exact record is the log.
"""

from collections.abc import Mapping

from django.db import connection


def add(worker: str, counts: Mapping[str, int]) -> None:
    """Add the counts of a worker by outcome. Writes nothing if there are none."""
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

"""Cases that read the log: the relay, the read models, verify."""

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from benchmarks.crew import Span


def last_position(owner_url: str) -> int:
    """The position of the newest event, settled or not."""
    import psycopg2

    with closing(psycopg2.connect(owner_url)) as connection, connection.cursor() as cursor:
        cursor.execute("select max(position) from events_event")
        found: int = cursor.fetchone()[0]
    return found


def settle() -> int:
    """Settle everything; how many events there are."""
    from django.db import connection

    from events.settler import settle_all

    settle_all()
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from events_event")
        found: int = cursor.fetchone()[0]
    return found


def relayed(owner_url: str, upto: int, seconds_max: float, alive: Callable[[], bool]) -> Span:
    """Watch the relay's checkpoints move, from the first move on."""
    import psycopg2

    connection: Any = psycopg2.connect(owner_url)
    connection.autocommit = True
    first: tuple[int, float] | None = None
    position, now = 0, 0.0
    with connection.cursor() as cursor:
        while first is None or (position < upto and now < first[1] + seconds_max):
            assert alive(), "the relay has ended"
            time.sleep(0.01)
            cursor.execute(
                "select position from events_checkpoint where name like 'relay:billing.operations:%'"
            )
            position, now = max([row[0] for row in cursor.fetchall()], default=0), time.monotonic()
            if first is None and position > 0:
                first = position, now
        cursor.execute(
            "select count(*) from events_event where position > %s and position <= %s", [first[0], position]
        )
        published: int = cursor.fetchone()[0]
    connection.close()
    return Span(operations=published, started=first[1], ended=now)


def catch_up() -> Span:
    """Bring every read model up to the end of the log."""
    from events.settler import settle_all
    from projections.catalog import PROJECTIONS
    from projections.runner import Runner

    position, events = settle_all(), settle()
    started = time.monotonic()
    Runner(PROJECTIONS).catch_up(position)
    return Span(operations=events, started=started, ended=time.monotonic())


def projection_names() -> list[str]:
    from projections.catalog import PROJECTIONS

    return [projection.name for projection in PROJECTIONS]


def rebuild(name: str) -> Span:
    """Make one read model from the log again; nothing may differ."""
    from projections.catalog import projection_named
    from projections.rebuild import rebuild as make_again

    events = settle()
    started = time.monotonic()
    swapped = make_again(projection_named(name))
    assert (swapped.deleted, swapped.inserted) == (0, 0), swapped
    return Span(operations=events, started=started, ended=time.monotonic())


def verify() -> Span:
    """Derive everything again, as `manage.py verify` does it; how many entries that were."""
    from projections.verification import verify as derive

    settle()
    started = time.monotonic()
    result = derive(report=print, progress=lambda _position, _highest: None, in_two=True)
    assert result.mismatches == 0
    return Span(operations=result.entries, started=started, ended=time.monotonic())

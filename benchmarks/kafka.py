"""From Kafka to the commit: envelope, validation, pricing, journal, balances and positions."""

import time
from collections.abc import Callable
from typing import Any

from benchmarks.crew import Span
from benchmarks.world import Load, World, payloads


def produce(world: World, load: Load, bootstrap_servers: str) -> int:
    """Send a load as the marketplace and training services would; how many messages."""
    from easyautoml_ledger.operations import OPERATION_ADAPTER
    from easyautoml_ledger.publisher import Publisher
    from easyautoml_ledger.topics import MARKETPLACE_SERVICE, TRAINING_SERVICE

    sources = {"training": TRAINING_SERVICE, "solving": TRAINING_SERVICE}
    made = payloads(world, load)
    with Publisher(
        bootstrap_servers=bootstrap_servers, source=sources.get(made[0]["type"], MARKETPLACE_SERVICE)
    ) as publisher:
        for payload in made:
            publisher.publish(OPERATION_ADAPTER.validate_python(payload), key=payload["operation_user"])
        publisher.flush()
    return len(made)


def committed(after: int, count: int, alive: Callable[[], bool], owner_url: str) -> Span:
    """Wait for so many events after a position; what came between the first batch and the last.

    The first batch only opens the span, so that starting the worker is not counted.
    """
    import psycopg2

    connection: Any = psycopg2.connect(owner_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        committed = 0
        while committed < count:
            assert alive(), "the worker has ended"
            time.sleep(0.1)
            # Counting takes a processor from those who are measured: only where it may be over.
            cursor.execute("select coalesce(max(position), 0) from events_event")
            if cursor.fetchone()[0] >= after + count:
                cursor.execute("select count(*) from events_event where position > %s", [after])
                committed = cursor.fetchone()[0]
        cursor.execute(
            """select count(*) filter (where recorded_at > first), extract(epoch from last - first)
               from events_event, (select min(recorded_at) as first, max(recorded_at) as last
                                   from events_event where position > %(after)s) span
               where position > %(after)s group by first, last""",
            {"after": after},
        )
        operations, seconds = cursor.fetchone()
    connection.close()
    return Span(operations=operations, started=0, ended=float(seconds))

"""One view of the whole database, whatever is posted meanwhile.

# Note [One snapshot]
An event, its rows and the balances after it commit together, and events of one user commit in the
order of their positions, because positions are taken under his lock. So whatever a REPEATABLE READ
snapshot shows is whole: every event in it has its rows, accounts and keys in it, and no others have.
An event that commits later, be it at a lower position, is absent with everything it did. Asynchronous
projections are held against the log up to their own checkpoint in the same snapshot, and that is
never above the settled position, below which nothing can still appear.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def one_snapshot(exported: str | None = None) -> Iterator[None]:
    """A read-only transaction that sees one state: that of another transaction, where one is `exported`.

    Within a transaction of the caller's it is that one.
    """
    nested = connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if not nested:
            cursor.execute("set transaction isolation level repeatable read, read only")
            if exported is not None:
                cursor.execute("set transaction snapshot %s", [exported])
        cursor.execute("set local datestyle to iso, ymd")
        cursor.execute("set local timezone to 'UTC'")
        yield

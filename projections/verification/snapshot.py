"""One view of the whole database while posting continues.

# Note [One snapshot]
An event, its rows and the balances after it commit together, and events of one user commit in the
order of their positions, because positions are taken under the user's lock. So a REPEATABLE READ snapshot is
complete: each of its events is there with its rows, accounts and keys, and nothing else is. An event that
commits later, even at a lower position, is absent with everything it wrote. Asynchronous projections are
compared with the log up to their own checkpoint in the same snapshot, which is never above the settled
position, below which nothing can appear.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def one_snapshot(exported: str | None = None) -> Iterator[None]:
    """Open a read-only transaction that sees one state: that of another transaction if `exported` is given.

    Inside a transaction of the caller, use that transaction.
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

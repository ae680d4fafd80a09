"""Reads of one user while the journal grows: balances now and at a time, a page of a statement.

# Note [Made entries]
Millions of entries cannot be posted within a benchmark. Beyond those that were, they are made in the
database: every second one on the account of one user, the others on those of all users. They have the
shape that reading looks at (versions without gaps, times that ascend), and no events.
"""

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from benchmarks.world import World

_CALLS: Final = 1000
_PAGE: Final = 100

_MAKE: Final = (
    "set session_replication_role = replica",
    "set synchronous_commit = off",
    """create temporary table made as
       with counted as (
           select n, case when n %% 2 = 0 then %(hot)s
                     else (%(users)s::bigint[])[1 + n / 2 %% cardinality(%(users)s::bigint[])] end as user_id
           from generate_series(1, %(operations)s::bigint) as n)
       select n, uuidv7() as id, c.user_id, a.id as account_id, %(position)s + n as position,
              a.version + row_number() over (partition by a.id order by n) as version,
              %(began)s + n * interval '1 microsecond' as at
       from counted c join ledger_account a on a.code = format('user:%%s:eaml', c.user_id)""",
    """insert into models_operation (id, operation_user_id, recorded_operation_user_id, kind, position,
           is_training_operation, is_solving_operation, is_solving_with_api_operation,
           is_solving_with_api_market_operation, is_buy_data_source_operation, is_machine_copy_operation,
           is_machine_copy_update_operation, is_credit_from_user_operation, is_pay_a_bill_operation,
           occurred_at, recorded_at, effective_at)
       select id, user_id, user_id, 'solving', position,
              false, true, false, false, false, false, false, false, false, at, at, at
       from made order by n""",
    """insert into models_entry (id, operation_id, transfer, side, account_id, user_id, currency, amount,
           balance_after, account_version, position, occurred_at, recorded_at, effective_at)
       select position * 1000 + side, id, 0, (array['D', 'C'])[side + 1],
              case side when 0 then account_id else %(revenue)s end, case side when 0 then user_id end,
              'EAML', 1, case side when 0 then 1000000 end, case side when 0 then version end,
              position, at, at, at
       from made, generate_series(0, 1) as side order by n, side""",
    """update ledger_account a set version = m.version, position = m.position, recorded_at = m.at
       from (select account_id, max(version) as version, max(position) as position, max(at) as at
             from made group by account_id) as m
       where a.id = m.account_id""",
    "drop table made",
    "analyze models_operation, models_entry, ledger_account",
)


def grow(owner_url: str, world: World, entries: int) -> None:
    """Make entries until there are so many. Note [Made entries]."""
    import psycopg2

    connection = psycopg2.connect(owner_url)
    with connection, connection.cursor() as cursor:
        cursor.execute("select count(*), max(position), max(recorded_at) from models_entry")
        there, position, latest = cursor.fetchone()
        cursor.execute("select id from ledger_account where code = 'platform:revenue:eaml'")
        values = {
            "hot": world.users[0],
            "users": list(world.users),
            "operations": (entries - there) // 2,
            "position": position,
            "began": latest,
            "revenue": cursor.fetchone()[0],
        }
        for statement in _MAKE:
            cursor.execute(statement, values)
    connection.close()


def read(world: World) -> dict[str, list[float]]:
    """Return the time of each kind of read, call by call (milliseconds)."""
    from ledger.queries.balances import balances, balances_as_of
    from ledger.queries.statement import PageEnd, statement

    first, last = _times()
    chance = random.Random(1)  # noqa: S311 (a load that can be made again)

    def some_time() -> datetime:
        return first + chance.random() * (last - first)

    def page(user: int) -> object:
        return statement(user, after=PageEnd(some_time(), 0), limit=_PAGE)

    # Others than the hot user have no whole page yet where entries are few.
    hot, anybody = _always(world.users[0]), _anybody(world, chance)
    kinds: dict[str, tuple[Callable[[int], object], Iterator[int]]] = {
        "balance now": (lambda user: balances(user, at=datetime.now(UTC)), anybody),
        "balance now, one hot user": (lambda user: balances(user, at=datetime.now(UTC)), hot),
        "balance as of a time": (lambda user: balances_as_of(user, at=some_time()), anybody),
        "balance as of a time, one hot user": (lambda user: balances_as_of(user, at=some_time()), hot),
        f"a page of {_PAGE} lines, one hot user": (page, hot),
    }
    return {name: [_timed(ask, next(users)) for _ in range(_CALLS)] for name, (ask, users) in kinds.items()}


def _times() -> tuple[datetime, datetime]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select min(recorded_at), max(recorded_at) from models_entry")
        first, last = cursor.fetchone()
    return first, last + timedelta(microseconds=1)


def _anybody(world: World, chance: random.Random) -> Iterator[int]:
    while True:
        yield chance.choice(world.users)


def _always(user: int) -> Iterator[int]:
    while True:
        yield user


def _timed(ask: Callable[[int], Any], user: int) -> float:
    started = time.perf_counter()
    assert ask(user) is not None
    return (time.perf_counter() - started) * 1000

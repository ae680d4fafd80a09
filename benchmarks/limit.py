"""The limit: COPY of the rows that recording wrote at one commit, with the indexes it had, and nothing else.

Tables and rows are frozen in `fixtures/limit.sql`, which says how they were made.
"""

import io
import random
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from benchmarks.crew import Span, start_line

_FIXTURE: Final = Path(__file__).parent / "fixtures" / "limit.sql"
_COPY: Final = re.compile(r"^copy (\w+) from stdin;\n(.*?\n)\\\.\n", re.MULTILINE | re.DOTALL)

# As they were at that commit, whatever the other cases use by now.
_USERS: Final = 1000
_MACHINES: Final = 100
_BEGAN: Final = datetime(2026, 11, 28, 14, 59, 26, 748467, tzinfo=UTC)
_FIRST_POSITION: Final = 4001  # after the users were funded
_FUNDED: Final = 1_000_000 * 10_000  # in ten-thousandths, as is every amount here: the price of one line
_BATCH_TIME: Final = timedelta(milliseconds=100)
_BETWEEN: Final = timedelta(microseconds=13)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The operations of one worker, in whole batches: from `first` to before `last`, counted from 0."""

    first: int
    last: int
    batch: int


def make_tables(owner_url: str) -> None:
    """Make the frozen tables, empty."""
    drop_tables(owner_url)
    _execute(owner_url, _fixture()[0])


def drop_tables(owner_url: str) -> None:
    """Drop the frozen tables where they exist."""
    for table in _fixture()[1]:
        _execute(owner_url, f"drop table if exists {table}")


def copy_batches(work: tuple[str, Share]) -> Span:
    """COPY a share of the operations, batch by batch; making the rows is not timed."""
    owner_url, share = work
    import psycopg2

    batches = list(rows(share))
    with closing(psycopg2.connect(owner_url)) as connection:
        started = start_line()
        for batch in batches:
            with connection, connection.cursor() as cursor:
                for table, lines in batch.items():
                    cursor.copy_expert(f"copy {table} from stdin", io.StringIO(lines))
        ended = time.monotonic()
    return Span(operations=share.last - share.first, started=started, ended=ended)


def rows(share: Share) -> Iterator[dict[str, str]]:
    """Yield the rows of each batch as text for COPY, by table. The same for every call and every worker."""
    chance = random.Random(945468)  # noqa: S311 (rows that can be made again)
    accounts: dict[int, tuple[int, int]] = {}
    batch: list[dict[str, Any]] = []
    templates = _fixture()[1]
    for number in range(share.last):
        operation = _operation(number, share.batch, chance, accounts)
        if number < share.first:
            continue
        batch.append(operation)
        if len(batch) == share.batch:
            yield {table: "".join([row % each for each in batch]) for table, row in templates.items()}
            batch.clear()


def shares(operations: int, *, batch: int, workers: int) -> Sequence[Share]:
    """Divide the operations among workers, each with whole batches."""
    step = operations // workers // batch * batch
    return [Share(first=step * worker, last=step * (worker + 1), batch=batch) for worker in range(workers)]


def _operation(
    number: int, batch: int, chance: random.Random, accounts: dict[int, tuple[int, int]]
) -> dict[str, Any]:
    """Values for the rows of one operation: a charge of a random user's account for a random machine."""
    user, machine, lines = (
        2 * chance.randrange(1, _USERS + 1),
        chance.randrange(1, _MACHINES + 1),
        chance.randrange(1, 2000),
    )
    version, balance = accounts.get(user, (1, _FUNDED))
    accounts[user] = version, balance = version + 1, balance - lines
    recorded_at = _BEGAN + _BATCH_TIME * (1 + number // batch)
    return {
        "position": _FIRST_POSITION + number,
        "id": _time_ordered_id(recorded_at, number % batch, chance),
        "request": UUID(int=chance.getrandbits(128), version=4),
        "user": user,
        "account": 991 + 5 * user,
        "machine": machine,
        "owner": machine + 1,
        "lines": lines,
        "amount": _decimal(lines),
        "balance": _decimal(balance),
        "version": version,
        "occurred_at": _BEGAN + _BETWEEN * number,
        "recorded_at": recorded_at,
    }


def _time_ordered_id(at: datetime, number: int, chance: random.Random) -> UUID:
    """A UUID of version 7: milliseconds, the number within them, and chance."""
    milliseconds = round(at.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | (number & 0xFFF) << 64 | 2 << 62 | chance.getrandbits(62))


def _decimal(ten_thousandths: int) -> str:
    return f"{ten_thousandths // 10_000}.{ten_thousandths % 10_000:04}0000"


def _fixture() -> tuple[str, dict[str, str]]:
    """The statements that make the tables, and the rows of one operation by table."""
    text = _FIXTURE.read_text(encoding="utf-8")
    return text[: text.index("\ncopy ")], dict(_COPY.findall(text))


def _execute(owner_url: str, statements: str) -> None:
    import psycopg2

    with closing(psycopg2.connect(owner_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statements)

"""The frozen limit: its tables load into PostgreSQL, and its rows can be written there."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from psycopg2.extensions import make_dsn

from benchmarks import limit
from benchmarks.crew import Crew
from tests.connections import another

INDEXES = {"bench_events_event": 2, "bench_models_operation": 9, "bench_models_entry": 4}
ROWS = {"bench_events_event": 1, "bench_models_operation": 1, "bench_models_entry": 2}


@pytest.fixture
def url(db: None) -> Iterator[str]:
    """The test database, with the frozen tables in it."""
    settings: Any = connection.get_connection_params()
    named = {name: settings[name] for name in ("dbname", "user", "password", "host", "port")}
    url = make_dsn(**named)
    limit.make_tables(url)
    yield url
    limit.drop_tables(url)


def _found(query: str) -> list[tuple[Any, ...]]:
    with another() as other:
        cursor = other.cursor()
        cursor.execute(query)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def test_the_tables_have_the_indexes_that_they_were_frozen_with(url: str) -> None:
    """Fifteen in all: dropping one of the ledger's changes nothing here."""
    found = _found("select tablename, count(*) from pg_indexes where tablename like 'bench\\_%' group by 1")
    assert dict(found) == INDEXES


def test_the_tables_are_made_again_empty(url: str) -> None:
    """Each round starts from nothing."""
    limit.make_tables(url)
    for table in INDEXES:
        assert _found(f"select count(*) from {table}") == [(0,)]


def test_the_rows_of_every_operation_are_written(url: str) -> None:
    """By a worker, as the benchmark does it: one event, one operation and two entries each."""
    (share,) = limit.shares(60, batch=20, workers=1)
    with Crew(1, {}) as crew:
        (span,) = crew.run(limit.copy_batches, [(url, share)])
    assert span.operations == 60
    for table, rows in ROWS.items():
        assert _found(f"select count(*), count(distinct position) from {table}") == [(60 * rows, 60)]
    assert _found(
        "select count(*) from bench_events_event e join bench_models_entry d on d.operation_id = e.id"
        " where d.side = 'D' and (e.data #>> '{transfers,0,amount}')::numeric = d.amount"
    ) == [(60,)]


def test_the_rows_are_the_same_each_time() -> None:
    """Two commits are measured against the same limit."""
    (share,) = limit.shares(40, batch=10, workers=1)
    assert list(limit.rows(share)) == list(limit.rows(share))


def test_two_workers_write_what_one_would() -> None:
    """In halves of whole batches; a last batch that cannot be halved is left out."""
    first, second = limit.shares(50, batch=10, workers=2)
    assert [(share.first, share.last) for share in (first, second)] == [(0, 20), (20, 40)]
    whole = limit.Share(first=0, last=40, batch=10)
    assert [*limit.rows(first), *limit.rows(second)] == list(limit.rows(whole))


def test_every_batch_has_its_rows_per_table() -> None:
    """As many lines as the operation wrote at that commit."""
    (share,) = limit.shares(30, batch=10, workers=1)
    for batch in limit.rows(share):
        lines = Counter({table: text.count("\n") for table, text in batch.items()})
        assert lines == {table: 10 * rows for table, rows in ROWS.items()}

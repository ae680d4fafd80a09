"""Rows are copied while they are made; all errors have Django's classes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import DataError, IntegrityError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from events.copying import NULL, escaped, execute_values, write_rows
from events.pipeline import Pipeline, query, send_later
from tests.connections import another

pytestmark = pytest.mark.django_db(transaction=True)

Write = Callable[[Any, str], object]

ADJUSTED = ("key", "actor", "day", "currency", "amount")

WRITES: tuple[Write, ...] = (
    lambda cursor, actor: write_rows(
        cursor,
        "ledger_adjusted",
        ADJUSTED,
        [f"{actor[:9]}\t{actor}\t2026-01-01\tUSD\t1"],
    ),
    lambda cursor, actor: execute_values(
        cursor,
        "insert into ledger_adjusted (key, actor, day, currency, amount) values %s",
        [(actor[:9], actor, "2026-01-01", "USD", 1)],
    ),
)


@pytest.mark.parametrize("write", WRITES)
def test_a_refusal_of_the_database_is_djangos_error(write: Write) -> None:
    """Its cause is psycopg2's error, which names the constraint."""
    with pytest.raises(DataError):
        _written(write, "too long " * 100)
    with pytest.raises(IntegrityError) as refused:
        _written(write, "anna", "anna")
    cause: Any = refused.value.__cause__
    assert cause.diag.constraint_name == "ledger_adjusted_pkey"


@pytest.mark.parametrize("write", WRITES)
def test_a_lost_connection_is_djangos_error(write: Write) -> None:
    """Workers retry after Django's error; psycopg2's error would end them."""

    def after_the_end(cursor: Any, actor: str) -> None:
        cursor.execute("select pg_backend_pid()")
        with another() as other:
            other.cursor().execute("select pg_terminate_backend(%s, 5000)", cursor.fetchone())
        write(cursor, actor)

    with pytest.raises(OperationalError):
        _written(after_the_end, "anna")
    connection.close()


@given(st.lists(st.text(st.sampled_from("\\'\"\t\n\r%s;N{}.é\u2028$1"), max_size=12), min_size=1, max_size=8))
def test_few_rows_and_many_are_written_alike(texts: list[str]) -> None:
    """Inserted or copied, and whatever they contain."""
    lines = [f"{number}\t{escaped(text)}\t{NULL}" for number, text in enumerate(texts)]
    more = [f"-1\tmore\t{NULL}"] * 20
    with transaction.atomic(), connection.cursor() as cursor:
        for table, rows in (("few", lines), ("many", [*lines, *more])):
            cursor.execute(f"create temporary table {table} (n int, word text, no text) on commit drop")
            with Pipeline(cursor) as pipeline:
                write_rows(pipeline, table, ("n", "word", "no"), rows)
                send_later(pipeline, "select 100 %% %s", 7)  # a percent sign in a row is not a placeholder
            cursor.execute(f"select * from {table} where n >= 0 order by n")
            assert cursor.fetchall() == [(number, text, None) for number, text in enumerate(texts)]


def test_few_rows_take_no_separate_message() -> None:
    """They are sent with the next statement."""
    with transaction.atomic(), CaptureQueriesContext(connection) as captured, connection.cursor() as cursor:
        with Pipeline(cursor) as pipeline:
            write_rows(pipeline, "ledger_adjusted", ADJUSTED, ["key\tanna\t2026-01-01\tUSD\t1"])
            assert query(pipeline, "select actor, amount from ledger_adjusted") == [("anna", 1)]
        assert len(captured.captured_queries) == 1


def test_an_unescaped_field_stays_one_value() -> None:
    """It never becomes part of the statement."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("create temporary table few (word text, other text) on commit drop")
        write_rows(cursor, "few", ("word", "other"), ["a\\\t, 1); drop table few --", "'\\'\t\\\\'"])
        cursor.execute("select * from few")
        assert cursor.fetchall() == [("a\\", ", 1); drop table few --"), ("''", "\\'")]


def test_an_error_while_making_a_row_ends_the_copy() -> None:
    """The original error is raised, not the database's version of it, and no earlier row is kept."""

    def rows() -> Iterator[str]:
        for number in range(1000):
            yield f"{number}\tanna\t2026-01-{number % 28 + 1:02}\tUSD\t1"
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        _written(lambda cursor, _: write_rows(cursor, "ledger_adjusted", ADJUSTED, rows()), "anna")
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from ledger_adjusted")
        assert cursor.fetchone() == (0,)


def test_rows_are_made_while_the_server_reads_earlier_ones() -> None:
    """The server has read the first row before the last one is made."""
    bytes_read: list[int] = []

    def rows() -> Iterator[str]:
        for number in range(1000):
            yield f"{number}\tanna\t2026-01-01\tUSD\t1"
        with another() as other:
            cursor = other.cursor()
            for _ in range(100):
                cursor.execute(
                    """select bytes_processed from pg_stat_progress_copy
                       where relid = 'ledger_adjusted'::regclass and bytes_processed > 0"""
                )
                if row := cursor.fetchone():
                    bytes_read.append(row[0])
                    return
                cursor.execute("select pg_sleep(0.05)")

    _written(lambda cursor, _: write_rows(cursor, "ledger_adjusted", ADJUSTED, rows()), "anna")
    assert bytes_read


def test_without_rows_there_is_no_statement() -> None:
    """An empty COPY is left out."""
    with CaptureQueriesContext(connection) as captured:
        _written(lambda cursor, _: write_rows(cursor, "ledger_adjusted", ADJUSTED, iter(())), "anna")
    assert not [query for query in captured.captured_queries if "copy" in query["sql"]]


def _written(write: Write, *actors: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for actor in actors:
            write(cursor, actor)

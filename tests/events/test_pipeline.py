"""Statements that wait on a pipeline, and statements that are planned once."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DataError, connection, transaction

from events.pipeline import Pipeline, Statement, execute, query, send_later
from tests.connections import Worker, another, until, waits_for_a_lock

pytestmark = pytest.mark.django_db(transaction=True)

COUNT = Statement("test_count_said", "select count(*) from said where word = $1::text")
SAY = Statement("test_say", "insert into said select unnest($1::text[])")


@pytest.fixture
def pipeline() -> Iterator[Pipeline]:
    """A pipeline with a table of its own, `said`."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("create temporary table said (word text) on commit drop")
        yield Pipeline(cursor)


@pytest.fixture
def sent() -> Iterator[list[str]]:
    """The sent messages, one text each."""
    seen: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    connection.ensure_connection()  # it sends statements of its own
    with connection.execute_wrapper(note):
        yield seen


def test_statements_without_a_result_are_sent_with_the_next_one(pipeline: Pipeline, sent: list[str]) -> None:
    """In one message and in order, with the result of the last one; a percent sign is literal."""
    send_later(pipeline, "insert into said values (%s)", "a 100 % sure thing")
    send_later(pipeline, "insert into said values ('10 %')")
    assert sent == []
    assert query(pipeline, "select word from said where word like '1%'") == [("10 %",)]
    assert len(sent) == 1
    assert query(pipeline, "select word from said where word like %s", "a%") == [("a 100 % sure thing",)]


def test_prepared_statements_wait_too(pipeline: Pipeline, sent: list[str]) -> None:
    """Preparing it takes a separate message."""
    execute(pipeline, SAY, ["a"])
    query(pipeline, COUNT, "a")
    sent.clear()
    send_later(pipeline, SAY, ["a"])
    assert query(pipeline, COUNT, "a") == [(2,)]
    assert sent == ["execute test_say(%s); execute test_count_said(%s)"]


def test_nothing_overtakes_waiting_statements(pipeline: Pipeline) -> None:
    """Neither COPY nor the driver's own cursor, which bypass `execute`."""
    send_later(pipeline, "insert into said values ('first')")
    pipeline.copy_expert("copy said from stdin", io.BytesIO(b"second\n"))
    send_later(pipeline, "insert into said values ('third')")
    pipeline.cursor.execute("insert into said values ('fourth')")
    assert query(pipeline, "select word from said order by ctid") == [
        (word,) for word in ("first", "second", "third", "fourth")
    ]


def test_waiting_statements_are_sent_at_the_end(sent: list[str]) -> None:
    """If the transaction fails, they are dropped."""
    with connection.cursor() as cursor:
        with Pipeline(cursor) as pipeline:
            send_later(pipeline, "select 1")
            send_later(pipeline, "select 2")
        with pytest.raises(ZeroDivisionError), Pipeline(cursor) as pipeline:
            _send_and_fail(pipeline)
    assert sent == ["select 1; select 2"]


def test_a_statement_is_prepared_once_per_connection(pipeline: Pipeline, sent: list[str]) -> None:
    """A new connection knows no prepared statement."""
    assert execute(pipeline, SAY, ["a", "b", "a"]) == 3
    assert query(pipeline, COUNT, "a") == [(2,)]
    assert query(pipeline, COUNT, "b") == [(1,)]
    assert [text.partition(" ")[0] for text in sent] == ["prepare", "set", "execute"] * 2 + ["execute"]
    with another() as other, other.cursor() as cursor:
        cursor.execute("create temporary table said (word text)")
        assert query(cursor, COUNT, "a") == [(0,)]


def test_a_statement_stays_prepared_when_its_transaction_fails() -> None:
    """A rollback keeps prepared statements, in the database and in the pipeline."""
    statement = Statement("test_divide", "select 1 / $1::integer")
    for _ in range(2):
        with pytest.raises(DataError), transaction.atomic(), connection.cursor() as cursor:
            query(cursor, statement, 0)
    with connection.cursor() as cursor:
        assert query(cursor, statement, 1) == [(1,)]


def test_a_read_after_a_lock_sees_what_was_committed_before_the_lock() -> None:
    """Even in one message: each statement has its own snapshot."""
    with another() as other, other.cursor() as elsewhere:
        elsewhere.execute("create table waited_for (word text)")
        try:
            elsewhere.execute("begin; select pg_advisory_xact_lock(4711)")
            reader = Worker(_read_after_the_lock)
            until(waits_for_a_lock)
            elsewhere.execute("insert into waited_for values ('committed meanwhile'); commit")
            assert reader.answer() == [("committed meanwhile",)]
        finally:
            elsewhere.execute("drop table waited_for")


def _send_and_fail(pipeline: Pipeline) -> None:
    send_later(pipeline, "select 3")
    raise ZeroDivisionError


def _read_after_the_lock() -> list[tuple[Any, ...]]:
    with transaction.atomic(), connection.cursor() as cursor, Pipeline(cursor) as pipeline:
        send_later(pipeline, "select pg_advisory_xact_lock(4711)")
        return query(pipeline, Statement("test_read_waited_for", "select word from waited_for"))

"""Errors of rows that are copied, and of a database that goes away meanwhile, have Django's classes."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DataError, IntegrityError, OperationalError, connection, transaction

from events.copying import copy_rows, execute_values
from tests.integration.connections import another

pytestmark = pytest.mark.django_db(transaction=True)

Write = Callable[[Any, str], object]

WRITES: tuple[Write, ...] = (
    lambda cursor, actor: copy_rows(
        cursor,
        "ledger_adjusted",
        ("key", "actor", "day", "currency", "amount"),
        [f"{actor[:9]}\t{actor}\t2026-01-01\tUSD\t1"],
    ),
    lambda cursor, actor: execute_values(
        cursor,
        "insert into ledger_adjusted (key, actor, day, currency, amount) values %s",
        [(actor[:9], actor, "2026-01-01", "USD", 1)],
    ),
)


@pytest.mark.parametrize("write", WRITES)
def test_what_the_database_refuses_is_djangos_error(write: Write) -> None:
    """With psycopg2's as its cause, which names the rule that was hit."""
    with pytest.raises(DataError):
        _written(write, "too long " * 100)
    with pytest.raises(IntegrityError) as refused:
        _written(write, "anna", "anna")
    cause: Any = refused.value.__cause__
    assert cause.diag.constraint_name == "ledger_adjusted_pkey"


@pytest.mark.parametrize("write", WRITES)
def test_a_database_that_goes_away_is_djangos_error(write: Write) -> None:
    """What workers wait for to try again; psycopg2's own would end them."""

    def after_the_end(cursor: Any, actor: str) -> None:
        cursor.execute("select pg_backend_pid()")
        with another() as other:
            other.cursor().execute("select pg_terminate_backend(%s, 5000)", cursor.fetchone())
        write(cursor, actor)

    with pytest.raises(OperationalError):
        _written(after_the_end, "anna")
    connection.close()


def _written(write: Write, *actors: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for actor in actors:
            write(cursor, actor)

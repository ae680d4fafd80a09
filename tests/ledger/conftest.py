"""Fixtures for the tests of `ledger`."""

from collections.abc import Iterator

import pytest

from ledger.engine.posting import post
from models import Machine, User
from tests.builders import adjustment, make_machine, make_user
from tests.connections import Held


@pytest.fixture
def owner() -> User:
    """The owner of the machine, with empty accounts."""
    return make_user()


@pytest.fixture
def user() -> User:
    """A user with 100 USD and 100 EAML."""
    made = make_user()
    post([adjustment(made, "usd", 100), adjustment(made, "eaml", 100)])
    return made


@pytest.fixture
def machine(owner: User) -> Machine:
    """The owner's machine, with every price set: 5 for a copy, 0.01 for a line of its API."""
    return make_machine(owner, api="0.01", data_source="3", copy="5", copy_update="0.5")


@pytest.fixture
def held() -> Iterator[Held]:
    """Keeps the transaction of one batch open until the test, or its end, releases it."""
    made = Held()
    yield made
    made.let_go.set()


@pytest.fixture
def no_waiting_for_deadlocks(transactional_db: None) -> Iterator[None]:
    """Fail if PostgreSQL found a deadlock during the test. The engine would hide it by trying again."""
    from django.db import connection

    def deadlocks() -> int:
        with connection.cursor() as cursor:
            cursor.execute("select pg_stat_force_next_flush()")
            cursor.execute("select deadlocks from pg_stat_database where datname = current_database()")
            found: int = cursor.fetchone()[0]
            return found

    before = deadlocks()
    yield
    assert deadlocks() == before, "two workers locked in different orders"

"""Fixtures of all tests that use the database."""

import pytest
from pytest_django import DjangoDbBlocker


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Set up the test database with ids above those that messages use in tests."""
    del django_db_setup
    from django.db import connection

    if connection.vendor != "postgresql":  # the shared tables alone
        return
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table in ("models_user", "models_machine", "models_work"):
            cursor.execute(f"alter table {table} alter column id restart with 1000")

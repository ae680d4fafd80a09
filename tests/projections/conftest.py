"""What the tests of the read side share."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import transaction

from tests.projections import world as worlds
from tests.projections.world import World


@pytest.fixture(scope="module")
def _built(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[World]:
    """A ledger in which everything has happened, projected up to its end: made once a module."""
    with django_db_blocker.unblock(), _rolled_back():  # type: ignore[attr-defined]
        made = worlds.build()
        worlds.project()
        yield made


@pytest.fixture
def world(_built: World, django_db_blocker: pytest.FixtureRequest) -> Iterator[World]:
    """The same for each test: what it changes is undone. A module uses this or `django_db`, not both."""
    with django_db_blocker.unblock(), _rolled_back():  # type: ignore[attr-defined]
        yield _built


@contextmanager
def _rolled_back() -> Iterator[None]:
    """A transaction that looks to the engine like that of a test of Django's."""
    atomic = transaction.atomic()
    atomic._from_testcase = True  # type: ignore[attr-defined]
    with atomic:
        yield
        transaction.set_rollback(True)

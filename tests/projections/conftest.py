"""Fixtures of the read side's tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.ledger.conftest import machine, owner, user
from tests.projections import world as worlds
from tests.projections.world import World

__all__ = ["machine", "owner", "user", "world"]


@pytest.fixture(scope="module")
def _built(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """A ledger in which everything has happened, projected up to its end: made once a module."""
    with django_db_blocker.unblock(), worlds.rolled_back():
        made = worlds.build()
        worlds.project()
        yield made


@pytest.fixture
def world(_built: World, db: None) -> World:
    """The same for each test: what it changes is undone. All tests of a module use this, or none."""
    return _built

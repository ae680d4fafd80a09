"""Fixtures for the tests of the read side."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.ledger.conftest import machine, owner, user
from tests.projections import world as worlds
from tests.projections.world import World

__all__ = ["machine", "owner", "user", "world"]


@pytest.fixture(scope="module")
def _built(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """A ledger with every kind of event, projected up to its end. It is built once per module."""
    with django_db_blocker.unblock(), worlds.rolled_back():
        made = worlds.build()
        worlds.project()
        yield made


@pytest.fixture
def world(_built: World, db: None) -> World:
    """The world of a test, whose changes are rolled back. All tests of a module use it, or none."""
    return _built

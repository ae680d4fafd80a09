"""Workers as separate processes on the tests' database and broker, to be killed, paused or cut off."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from stack.processes import Child
from stack.state import PROJECT
from stack.workers import manage, worker_environment
from tests.events.kafka.conftest import admin, fresh_topics, machine, publisher, user

__all__ = ["Start", "admin", "fresh_topics", "machine", "publisher", "start", "user"]

Start = Callable[..., Child]
"""Starts `manage.py` with the given arguments; a name tells two of a kind apart."""


@pytest.fixture
def start(fresh_topics: None, tmp_path: Path) -> Iterator[Start]:
    """A function that starts workers, which are killed after the test."""
    for name in ("logs", "run"):
        (tmp_path / name).mkdir()
    url = os.environ["DATABASE_URL"]
    database = connection.settings_dict
    environment = {
        **worker_environment(os.environ),
        "DATABASE_URL": f"{url.rpartition('/')[0]}/{database['NAME']}",
        "KAFKA_BOOTSTRAP_SERVERS": settings.ENVIRONMENT.kafka_bootstrap_servers,
        "PYTHONUNBUFFERED": "1",
    }
    started: list[Child] = []

    def run(*arguments: str, name: str | None = None, **more: str) -> Child:
        child = Child(
            name or arguments[0],
            manage(*arguments),
            directory=tmp_path,
            environment={**environment, **more},
            cwd=PROJECT,
        )
        started.append(child)
        return child.start()

    yield run
    for child in started:
        child.kill()

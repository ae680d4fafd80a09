"""A ledger in which everything has happened, and an administrator who looks at it."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from events.models import DeadLetter, WaitingMessage
from ledger.operations.api_keys import create_key
from models import User
from tests.projections import world as worlds
from tests.projections.world import World


@pytest.fixture(scope="module")
def _built(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    with django_db_blocker.unblock(), worlds.rolled_back():
        made = worlds.build()
        _messages()
        create_key(name="training", source="/services/training", scopes=["ledger:write"])
        worlds.project()
        yield made


@pytest.fixture
def world(_built: World, db: None) -> World:
    """Built once a module; what a test changes is undone."""
    return _built


@pytest.fixture
def admin(world: World) -> Client:
    """A superuser's browser."""
    del world
    client = Client()
    client.force_login(User.objects.create_superuser(f"{uuid4().hex}@example.com", None))
    return client


def _messages() -> None:
    now = timezone.now()
    place: dict[str, Any] = {
        "topic_id": uuid4(),
        "topic": "training.operations",
        "partition": 1,
        "timestamp": now,
    }
    DeadLetter.objects.create(
        **place,
        offset=7,
        key=b"42",
        value=b'{"type": "training", "count_of_lines": 1.50}',
        headers=[["ce_id", base64.b64encode(b"abc").decode()], ["empty", None]],
        code="invalid",
        reason="count_of_lines is no whole number",
    )
    DeadLetter.objects.create(
        **place, offset=8, value=b"\xff\x00<script>", code="unreadable", reason="this is no JSON"
    )
    WaitingMessage.objects.create(
        **place,
        offset=9,
        value=b"{}",
        code="undecided",
        reason="user 4711 is not known yet",
        waits_for="user:4711",
        deadline=now + timedelta(hours=1),
    )

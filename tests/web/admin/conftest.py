"""A ledger with operations of every kind, and a signed-in administrator."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from events.models import DeadLetter, WaitingMessage
from ledger.keys import create_key
from models import ConsultingRequest, User
from tests import builders as make
from tests import commands as do
from tests import months
from tests.projections import world as worlds
from tests.projections.world import World
from tests.web.admin.cases import Given


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
    """A world that is built once per module. The changes of a test are rolled back."""
    return _built


@pytest.fixture
def admin(world: World) -> Client:
    """A superuser's browser."""
    del world
    client = Client()
    client.force_login(User.objects.create_superuser(f"{uuid4().hex}@example.com", None))
    return client


def _consulting_request(client: User, consultant: User) -> int:
    """Return the id of a consulting request of 10 USD that its consultant may approve."""
    request = ConsultingRequest.objects.create(user=client, category="4")
    request.ask_consultant(consultant, amount_usd=10, delay_days=1)
    return request.pk


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


@pytest.fixture
def given(request: pytest.FixtureRequest, world: World) -> Given:
    user = make.fund(make.make_user(), usd=80, eaml=100)
    payment = make.recorded(make.top_up(user, 20))
    hold, voided = str(uuid4()), str(uuid4())
    make.recorded(do.place(world.machine, user=user, lines=10_000, hold=hold))
    make.recorded(do.place(world.machine, user=user, lines=10_000, hold=voided))
    make.recorded(do.void(voided))
    sale = make.recorded(make.machine_copy(world.machine, user=user))
    make.recorded(do.create_code("SPRING", 3))
    proposal, declined = (make.recorded(do.adjust(user, "usd", 2000)).id for _ in range(2))
    make.recorded(do.decline(declined))
    payout, failed = str(uuid4()), str(uuid4())
    make.recorded(do.request_payout(user, "2.5", payout=payout))
    make.recorded(do.request_payout(user, 1, payout=failed))
    make.recorded(do.fail(failed))
    if getattr(request.node, "callspec", None) and request.node.callspec.params.get("name") == "close-period":
        months.change("reopen", months.LAST)
    client = make.fund(make.make_user(), usd=30)
    asked, signed, ended = (_consulting_request(client, world.seller) for _ in range(3))
    for contract in (signed, ended):
        make.recorded(do.sign(contract))
    make.recorded(do.end(ended, "cancel"))
    return Given(
        user=user,
        machine=world.machine.pk,
        hold=hold,
        voided=voided,
        operation=sale.id,
        code="SPRING",
        proposal=proposal,
        declined=declined,
        payment=payment.id,
        payout=payout,
        failed=failed,
        closed=str(months.LAST),
        asked=asked,
        contract=signed,
        ended=ended,
        team=user.create_team("analysts").pk,
    )

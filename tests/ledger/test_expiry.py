"""The worker that records expiries."""

from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.utils import timezone

from events.worker import Stop
from ledger import expiry
from ledger.models import CouponGrant, HeldFunds
from models import Machine, User
from tests import commands as do
from tests.builders import make_user, on_user, recorded
from tests.connections import Worker, another, until
from tests.ledger.engine.test_holds import TOKEN

pytestmark = pytest.mark.django_db(transaction=True)


def expiring_hold(machine: Machine, user: User, seconds: float) -> str:
    """Place a hold that expires in `seconds`; return its id."""
    hold = str(uuid4())
    expires_at = timezone.now() + timedelta(seconds=seconds)
    recorded(do.place(machine, user=user, lines=TOKEN, hold=hold, expires_at=expires_at))
    return hold


def is_expired(hold: str) -> bool:
    return HeldFunds.objects.get(pk=hold).state == "expired"


def test_worker_expires_what_is_overdue_until_a_stop_is_requested(
    user: User, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It expires holds and a coupon as they become overdue, and reconnects after its connection was cut."""
    monkeypatch.setattr(expiry, "_REST_SECONDS", 0.05)
    stop = Stop()
    worker = Worker(lambda: expiry.run(stop))
    first = expiring_hold(machine, user, 0.1)
    recorded(do.grant(user, 5, expires_at=timezone.now() + timedelta(seconds=0.1)))
    until(lambda: is_expired(first))
    until(lambda: on_user(user)[2] == 0)
    with another() as other, other.cursor() as cursor:
        cursor.execute(
            """select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and pid not in (pg_backend_pid(), %s)""",
            [_own_pid()],
        )
    second = expiring_hold(machine, user, 0.1)
    until(lambda: is_expired(second))
    stop.ask()
    worker.answer(5)
    assert not CouponGrant.objects.filter(remaining__gt=0).exists()


def test_one_sweep_goes_on_until_nothing_is_overdue(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`expire --once` sweeps again while there are more users than one batch takes."""
    monkeypatch.setattr(expiry, "_BATCH_SIZE", 2)
    users = [make_user() for _ in range(5)]
    for user in users:
        recorded(do.grant(user, 5, expires_at=timezone.now() + timedelta(seconds=0.2)))
    last = CouponGrant.objects.latest("expires_at").expires_at
    assert last is not None
    until(lambda: timezone.now() > last)
    said = StringIO()
    call_command("expire", "--once", stdout=said)
    assert said.getvalue() == "recorded expiries of 5 users and proposals\n"
    assert [on_user(user)[2] for user in users] == [0] * 5


def _own_pid() -> Any:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        return cursor.fetchone()[0]

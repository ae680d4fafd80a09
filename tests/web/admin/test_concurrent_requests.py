"""Several browsers at the same moment, each with a database connection of its own."""

from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from events.models import Event
from ledger.models import CouponGrant, ProposedChange
from models import User
from tests import builders as make
from tests import commands as do
from tests.connections import together
from tests.projections.world import verified

pytestmark = pytest.mark.django_db(transaction=True)


def _superuser() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(f"{uuid4().hex}@example.com", None))
    return client


def test_concurrent_clicks_post_once() -> None:
    """All are redirected to the one operation."""
    user, client = make.make_user(), _superuser()
    sent = {
        "key": str(uuid4()),
        "operation_user": user.pk,
        "amount": "5",
        "priority": 100,
        "reason": "a slow week",
        "confirm": "yes",
    }

    def click() -> Any:
        browser = Client()
        browser.cookies = client.cookies
        return browser.post("/admin/doors/grant-coupon/", sent)

    answers = together(click, click, click)
    assert {answer.status_code for answer in answers} == {302}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert CouponGrant.objects.get(user_id=user.pk).remaining == 5
    assert Event.objects.filter(metadata__source="/ledger/admin").count() == 1


def test_a_proposal_is_approved_or_declined_but_not_both() -> None:
    """The later request is shown `proposal_resolved`."""
    user = make.make_user()
    proposal = make.recorded(do.adjust(user, "usd", 2000)).id
    sent = {"proposal": proposal, "reason": "no", "confirm": "yes"}
    approve, decline = (
        partial(_superuser().post, f"/admin/doors/{name}/", sent | {"key": str(uuid4())})
        for name in ("approve", "decline")
    )
    answers = together(approve, decline)
    assert sorted(answer.status_code for answer in answers) == [200, 302]
    failed = next(answer for answer in answers if answer.status_code == 200)
    assert failed.context["problem"].code == "proposal_resolved"
    state = ProposedChange.objects.get(pk=proposal).state
    user.refresh_from_db()
    assert user.user_balance == (2000 if state == "approved" else 0)
    assert verified()[1] == []

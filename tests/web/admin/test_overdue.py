"""Expired coupons and holds are shown as expired, even before the sweep."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from ledger.models import Account, CouponGrant, HeldFunds
from models import User
from tests import commands as do
from tests.builders import fund, make_machine, make_user, recorded
from tests.connections import until
from tests.projections.world import World
from tests.web.admin.test_pages import _url

TOKEN = 10_000


@pytest.fixture
def overdue(world: World) -> User:
    """A user with 5 USD of coupons and 3 EAML held that have expired, and 2 USD and 4 EAML that have not."""
    del world
    user = fund(make_user(), eaml=10)
    machine = make_machine(make_user())
    soon = timezone.now() + timedelta(seconds=0.3)
    recorded(do.grant(user, 5, expires_at=soon))
    recorded(do.grant(user, 2))
    recorded(do.place(machine, user=user, lines=3 * TOKEN, hold=str(uuid4()), expires_at=soon))
    recorded(do.place(machine, user=user, lines=4 * TOKEN, hold=str(uuid4())))
    until(lambda: timezone.now() > soon)
    return user


def test_a_user_is_shown_without_what_has_expired(admin: Client, overdue: User) -> None:
    """The row itself changes only with the sweep."""
    assert overdue.coupon_balance != 7
    overdue.refresh_from_db()
    assert overdue.coupon_balance == 7
    page = admin.get(_url(User, "change", overdue.pk)).content.decode()
    assert "2.00000000 USD" in page
    assert "4.00000000 EAML" in page
    assert "7.00000000" not in page


def test_an_account_is_shown_without_what_has_expired(admin: Client, overdue: User) -> None:
    """Expired amounts are left out of the balance, what is held, and what is available."""
    for name, shown, hidden in (
        ("coupon", ["2.00000000 USD"], "7.00000000 USD"),
        ("eaml", ["10.00000000 EAML", "4.00000000 EAML", "6.00000000 EAML"], "3.00000000 EAML"),
    ):
        account = Account.objects.get(code=f"user:{overdue.pk}:{name}")
        for url in (_url(Account, "change", account.pk), _url(Account, "changelist") + f"?q={account.code}"):
            page = admin.get(url).content.decode()
            assert all(each in page for each in shown)
            assert hidden not in page


def test_a_hold_and_a_coupon_are_shown_as_expired(admin: Client, overdue: User) -> None:
    """Their remaining amount is zero."""
    hold = HeldFunds.objects.filter(user_id=overdue.pk).earliest("expires_at")
    page = admin.get(_url(HeldFunds, "changelist") + f"?q={hold.pk}").content.decode()
    assert "expired" in page
    assert "0.00000000 EAML" in page
    assert "3.00000000 EAML" not in page
    grant = CouponGrant.objects.get(user_id=overdue.pk, expires_at__isnull=False)
    page = admin.get(_url(CouponGrant, "changelist") + f"?q={grant.pk}").content.decode()
    assert "0.00000000 USD" in page
    assert "5.00000000 USD" not in page

"""An operation's page shows its decision: price, coupons, what is left to reverse, sender and notes."""

from uuid import uuid4

from django.contrib.auth.models import Permission
from django.test import Client

from events.models import Note
from models import User
from tests import builders as make
from tests import commands as do
from tests.projections.world import World


def _page(client: Client, operation: str) -> str:
    return client.get(f"/admin/models/operation/{operation}/change/").content.decode()


def test_the_page_shows_which_coupons_paid(admin: Client, world: World) -> None:
    """They are listed in the order they were spent, each with a link to its page."""
    user = make.fund(make.make_user(), usd=10)
    late = make.recorded(do.grant(user, 4, priority=200)).id
    first = make.recorded(do.grant(user, 2)).id
    page = _page(admin, make.recorded(make.bill(user, 5)).id)
    assert "tariff 1" in page
    assert "eaml per usd: 100.00000000" in page
    spent = [page.index(f"/admin/ledger/coupongrant/{grant}/change/") for grant in (first, late)]
    assert spent == sorted(spent)
    assert "2.00000000 USD" in page[: spent[0]]
    assert "3.00000000 USD" in page[spent[0] : spent[1]]


def test_the_page_shows_what_is_left_to_reverse(admin: Client, world: World) -> None:
    """A reversal lowers it; the reversal's page names the operation, the actor and the reason."""
    user = make.fund(make.make_user(), usd=10)
    bill = make.recorded(make.bill(user, 8)).id
    assert "8.00000000 USD" in _page(admin, bill)
    sent = {"key": str(uuid4()), "operation": bill, "amount": "3", "reason": "by request", "confirm": "yes"}
    landed = admin.post("/admin/doors/reverse-operation/", sent).headers["Location"]
    left = "".join(_page(admin, bill).partition("Left to reverse")[2].split("</div>")[:4])
    assert "5.00000000 USD" in left
    assert "8.00000000 USD" in left
    page = admin.get(landed).content.decode()
    assert f"/admin/models/operation/{bill}/change/" in page
    assert "reverses" in page
    assert "reason: by request" in page
    assert f"user:{admin.session['_auth_user_id']} through /ledger/admin, key {sent['key']}" in page
    Note.objects.update(text=None, salt=None)
    assert "reason: (erased)" in admin.get(landed).content.decode()


def test_coupons_and_notes_are_private_to_the_payer(world: World) -> None:
    """Staff who may see operations but not the payer's statement do not see them."""
    user = make.fund(make.make_user(), usd=10)
    coupon = make.recorded(do.grant(user, 4)).id
    bill = make.recorded(make.bill(user, 5)).id
    staff = User.objects.create_user(email=f"{uuid4().hex}@example.com", password=None, is_staff=True)
    client = Client()
    client.force_login(staff)
    for codenames, shown in ((["view_operation"], False), (["view_operation", "view_entry"], True)):
        staff.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        page = _page(client, bill)
        assert "tariff 1" in page
        assert (coupon in page) is shown


def test_only_payments_have_a_button_to_charge_them_back(admin: Client, world: World) -> None:
    """Other operations can only be reversed."""
    user = make.fund(make.make_user(), usd=10)
    payment, bill = make.recorded(make.top_up(user, 2)).id, make.recorded(make.bill(user, 1)).id
    assert "/charge-back/" in _page(admin, payment)
    assert "/charge-back/" not in _page(admin, bill)

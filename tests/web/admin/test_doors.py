"""Every door of the administration: tried dry, done once, refused, and shut to who may not."""

import re
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from django.test import Client

from events.models import Event, Key
from ledger.models import Account, CouponGrant
from models import User
from tests import builders as make
from tests import commands as do
from tests.projections.world import verified
from tests.web.admin.cases import CASES, Fields, Given
from web.admin.command_pages import COMMAND_PAGES

SOURCE = "/ledger/admin"


_REFUSED_AFTER_OTHERS = {
    *("void-hold", "decline", "fail-payout", "close-period"),
    *("split-contract", "cancel-contract"),
}

each_door = pytest.mark.parametrize("name", CASES)


def test_every_door_is_tried_here() -> None:
    """Whoever adds a door says what it does."""
    assert set(CASES) == set(COMMAND_PAGES)


def test_every_door_is_on_the_page_about_them() -> None:
    """With its permission."""
    page = (settings.BASE_DIR / "docs" / "administration.md").read_text()
    listed = re.findall(r"^\| `/admin/doors/([a-z-]+)/` \|.*\| `([a-z_.]+)` \|$", page, re.MULTILINE)
    assert dict(listed) == {name: door.permission for name, door in COMMAND_PAGES.items()}


def _url(name: str) -> str:
    return f"/admin/doors/{name}/"


def _asked(admin: Client, name: str, **filled: Any) -> Fields:
    """The page that asks; its hidden key."""
    page = admin.get(_url(name), filled)
    assert page.status_code == 200
    return {"key": page.context["form"]["key"].value()}


def _hidden(content: str) -> Fields:
    """What the page that shows would send again."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', content)
    return {name: unescape(value) for name, value in found if name != "csrfmiddlewaretoken"}


@each_door
def test_a_door_shows_what_would_happen_and_writes_nothing(admin: Client, given: Given, name: str) -> None:
    """The transfers and the balances after them."""
    case = CASES[name]
    before = Event.objects.count(), Key.objects.count()
    page = admin.post(_url(name), _asked(admin, name) | case.fields(given) | {"preview": "yes"})
    content = page.content.decode()
    assert "What would move" in content, page.context["form"].errors
    assert case.shown in content
    assert (Event.objects.count(), Key.objects.count()) == before


@each_door
def test_a_door_posts_once_what_was_shown(admin: Client, given: Given, name: str) -> None:
    """However often it is confirmed; the event says who, and the books are right."""
    case = CASES[name]
    shown = admin.post(_url(name), _asked(admin, name) | case.fields(given) | {"preview": "yes"})
    sent = _hidden(shown.content.decode()) | {"confirm": "yes"}
    before = Event.objects.count()
    answers = [admin.post(_url(name), sent) for _ in range(2)]
    assert Event.objects.count() == before + 1
    event = Event.objects.latest("position")
    who = User.objects.get(pk=admin.session["_auth_user_id"])
    assert event.metadata["source"] == SOURCE
    assert event.metadata["actor"] == f"user:{who.pk}"
    assert UUID(event.metadata["request_id"]) == UUID(sent["key"])
    assert case.done(given)
    assert [answer.status_code for answer in answers] == [302, 302]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    landed = admin.get(answers[0].headers["Location"])
    assert landed.status_code == 200
    content = landed.content.decode()
    assert "Done: " in content
    assert "This was done before: " in content


@each_door
def test_a_door_says_why_it_is_not_possible(admin: Client, given: Given, name: str) -> None:
    """When it is tried dry, and when it is confirmed: with the stable code, and nothing moves."""
    case = CASES[name]
    sent = _asked(admin, name) | case.fields(given) | case.refused(given)
    entries = Account.objects.order_by("pk").values_list("pk", "balance", "held")
    before = list(entries)
    for verb in ("preview", "confirm"):
        page = admin.post(_url(name), sent | {verb: "yes"})
        assert page.status_code == 200
        assert page.context["refusal"].code == case.code
        assert f"({case.code})" in page.content.decode()
    assert list(entries) == before


@each_door
def test_a_door_is_shut_to_who_may_only_look(given: Given, name: str) -> None:
    """403 at every step for staff who may see everything; with its permission alone it opens."""
    door, case = COMMAND_PAGES[name], CASES[name]
    staff = User.objects.create_user(email=f"{uuid4().hex}@example.com", password=None, is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(staff)
    before = Event.objects.count()
    sent = case.fields(given) | {"key": str(uuid4())}
    answers = [
        client.get(_url(name)),
        *(client.post(_url(name), sent | {verb: "yes"}) for verb in ("preview", "confirm")),
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert Event.objects.count() == before
    label, _, codename = door.permission.partition(".")
    staff.user_permissions.set(Permission.objects.filter(content_type__app_label=label, codename=codename))
    assert client.post(_url(name), sent | {"confirm": "yes"}).status_code == 302
    assert Event.objects.count() == before + 1


@each_door
def test_a_door_reads_as_strictly_as_the_api(admin: Client, given: Given, name: str) -> None:
    """What is missing or wrong is said at its field, and nothing is tried."""
    fields = CASES[name].fields(given)
    for wrong in ("amount", "limit"):
        if wrong in fields:
            page = admin.post(_url(name), _asked(admin, name) | fields | {wrong: "1.123456789"})
            assert page.context["form"].errors[wrong] == ["an amount has at most 8 decimals"]
    page = admin.post(_url(name), _asked(admin, name) | {"confirm": "yes"})
    required = {field.name for field in page.context["form"] if field.field.required} - {"key"}
    assert required <= set(page.context["form"].errors)


def test_who_is_not_signed_in_is_asked_to(given: Given) -> None:
    """As everywhere in the administration."""
    answer = Client().get(_url("grant-coupon"))
    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        "/admin/login/?next=/admin/doors/grant-coupon/",
    )


def test_a_door_asks_for_a_token_against_forged_requests(admin: Client, given: Given) -> None:
    """Without it nothing is read."""
    careful = Client(enforce_csrf_checks=True)
    careful.cookies = admin.cookies
    sent = CASES["grant-coupon"].fields(given) | {"key": str(uuid4()), "confirm": "yes"}
    assert careful.post(_url("grant-coupon"), sent).status_code == 403


def test_there_is_no_other_door(admin: Client) -> None:
    """404."""
    assert admin.get(_url("print-money")).status_code == 404


def test_a_key_that_was_used_does_nothing_else(admin: Client, given: Given) -> None:
    """Back in the browser, another amount, and once more: a conflict that names the field."""
    sent = _asked(admin, "grant-coupon") | CASES["grant-coupon"].fields(given) | {"confirm": "yes"}
    assert admin.post(_url("grant-coupon"), sent).status_code == 302
    page = admin.post(_url("grant-coupon"), sent | {"amount": "8"})
    assert page.context["refusal"].code == "conflict"
    assert "amount differs" in page.context["refusal"].message
    assert CouponGrant.objects.filter(user_id=given.user.pk).count() == 1


def test_what_was_rejected_can_be_tried_again_from_the_same_page(admin: Client, given: Given) -> None:
    """Under a new key, because the answer of the old one is final."""
    sent = _asked(admin, "redeem-code") | {"operation_user": given.user.pk, "code": "LATER", "confirm": "yes"}
    page = admin.post(_url("redeem-code"), sent)
    refusal = page.context["refusal"]
    assert refusal.code == "code_unknown"
    assert Event.objects.get(position=refusal.position).type == "operation.rejected"
    again = page.context["form"]["key"].value()
    assert again != sent["key"]
    make.recorded(do.create_code("LATER", 1))
    assert admin.post(_url("redeem-code"), sent | {"key": again}).status_code == 302


def test_going_back_to_change_something_keeps_what_was_filled_in(admin: Client, given: Given) -> None:
    """And the key."""
    sent = _asked(admin, "capture-hold") | {"hold": given.hold, "count_of_lines": 10}
    shown = admin.post(_url("capture-hold"), sent | {"preview": "yes"})
    back = admin.post(_url("capture-hold"), _hidden(shown.content.decode()) | {"change": "yes"})
    form = back.context["form"]
    assert {name: str(form[name].value()) for name in sent} == {name: str(sent[name]) for name in sent}
    assert form["final"].value() is False
    assert "What would move" not in back.content.decode()


def test_the_books_are_right_after_all_of_it(admin: Client, given: Given) -> None:
    """What doors posted is verified like everything else."""
    for name, case in CASES.items():
        if name not in _REFUSED_AFTER_OTHERS:
            sent = _asked(admin, name) | case.fields(given) | {"confirm": "yes"}
            assert admin.post(_url(name), sent).status_code == 302, name
    assert verified()[1] == []

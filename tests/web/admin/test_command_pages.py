"""Every command page: it previews, posts once, shows why a command fails, and requires its permission."""

import re
from html import unescape
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


_IMPOSSIBLE_AFTER_OTHERS = {
    *("void-hold", "decline", "fail-payout", "close-period"),
    *("split-contract", "cancel-contract"),
}

each_page = pytest.mark.parametrize("name", CASES)


def test_every_command_page_has_a_case() -> None:
    """A new command page needs a case in `cases`."""
    assert set(CASES) == set(COMMAND_PAGES)


def test_every_command_page_is_documented() -> None:
    """`docs/administration.md` lists each with its permission."""
    page = (settings.BASE_DIR / "docs" / "administration.md").read_text()
    listed = re.findall(r"^\| `/admin/doors/([a-z-]+)/` \|.*\| `([a-z_.]+)` \|$", page, re.MULTILINE)
    assert dict(listed) == {name: page_class.page.permission for name, page_class in COMMAND_PAGES.items()}


def _url(name: str) -> str:
    return f"/admin/doors/{name}/"


def _key(admin: Client, name: str) -> Fields:
    """Return the idempotency key of a new page, as a field."""
    page = admin.get(_url(name))
    assert page.status_code == 200
    return {"key": page.context["form"]["key"].value()}


def _hidden(content: str) -> Fields:
    """Return the hidden fields of a preview, which its buttons send."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', content)
    return {name: unescape(value) for name, value in found if name != "csrfmiddlewaretoken"}


@each_page
def test_a_preview_shows_transfers_and_balances_and_writes_nothing(
    admin: Client, given: Given, name: str
) -> None:
    """No event is stored and no key is used."""
    case = CASES[name]
    before = Event.objects.count(), Key.objects.count()
    page = admin.post(_url(name), _key(admin, name) | case.fields(given) | {"preview": "yes"})
    content = page.content.decode()
    assert 'id="preview"' in content, page.context["form"].errors
    assert case.shown in content
    assert (Event.objects.count(), Key.objects.count()) == before


@each_page
def test_a_command_posts_once(admin: Client, given: Given, name: str) -> None:
    """Confirming twice has one result; the event names the source, the actor and the page's key."""
    case = CASES[name]
    shown = admin.post(_url(name), _key(admin, name) | case.fields(given) | {"preview": "yes"})
    sent = _hidden(shown.content.decode()) | {"confirm": "yes"}
    before = Event.objects.count()
    answers = [admin.post(_url(name), sent) for _ in range(2)]
    assert Event.objects.count() == before + 1
    event = Event.objects.latest("position")
    actor = User.objects.get(pk=admin.session["_auth_user_id"])
    assert event.metadata["source"] == SOURCE
    assert event.metadata["actor"] == f"user:{actor.pk}"
    assert UUID(event.metadata["request_id"]) == UUID(sent["key"])
    assert case.done(given)
    assert [answer.status_code for answer in answers] == [302, 302]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    landed = admin.get(answers[0].headers["Location"])
    assert landed.status_code == 200
    content = landed.content.decode()
    assert "Done: " in content
    assert "Already done: " in content


@each_page
def test_a_command_page_shows_why_a_command_fails(admin: Client, given: Given, name: str) -> None:
    """Preview and confirmation show the stable code, and no balance changes."""
    case = CASES[name]
    sent = _key(admin, name) | case.fields(given) | case.refused(given)
    entries = Account.objects.order_by("pk").values_list("pk", "balance", "held")
    before = list(entries)
    for verb in ("preview", "confirm"):
        page = admin.post(_url(name), sent | {verb: "yes"})
        assert page.status_code == 200
        assert page.context["problem"].code == case.code
        assert f"({case.code})" in page.content.decode()
    assert list(entries) == before


@each_page
def test_a_command_page_requires_its_permission(given: Given, name: str) -> None:
    """Staff who may only view get 403 at every step; the page's permission alone is enough."""
    page_class, case = COMMAND_PAGES[name], CASES[name]
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
    label, _, codename = page_class.page.permission.partition(".")
    staff.user_permissions.set(Permission.objects.filter(content_type__app_label=label, codename=codename))
    assert client.post(_url(name), sent | {"confirm": "yes"}).status_code == 302
    assert Event.objects.count() == before + 1


@each_page
def test_a_command_page_validates_as_strictly_as_the_api(admin: Client, given: Given, name: str) -> None:
    """Missing and invalid values are reported at their fields."""
    fields = CASES[name].fields(given)
    for wrong in ("amount", "limit"):
        if wrong in fields:
            page = admin.post(_url(name), _key(admin, name) | fields | {wrong: "1.123456789"})
            assert page.context["form"].errors[wrong] == ["an amount has at most 8 decimals"]
    page = admin.post(_url(name), _key(admin, name) | {"confirm": "yes"})
    required = {field.name for field in page.context["form"] if field.field.required} - {"key"}
    assert required <= set(page.context["form"].errors)


def test_an_anonymous_visitor_is_sent_to_the_login_page(given: Given) -> None:
    """The login page leads back to the command page."""
    answer = Client().get(_url("grant-coupon"))
    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        "/admin/login/?next=/admin/doors/grant-coupon/",
    )


def test_a_command_page_requires_a_csrf_token(admin: Client, given: Given) -> None:
    """A POST without a token gets 403."""
    careful = Client(enforce_csrf_checks=True)
    careful.cookies = admin.cookies
    sent = CASES["grant-coupon"].fields(given) | {"key": str(uuid4()), "confirm": "yes"}
    assert careful.post(_url("grant-coupon"), sent).status_code == 403


def test_an_unknown_command_page_is_not_found(admin: Client) -> None:
    """The answer is 404."""
    assert admin.get(_url("print-money")).status_code == 404


def test_another_command_under_a_used_key_is_a_conflict(admin: Client, given: Given) -> None:
    """Going back in the browser and changing the amount gives a conflict that names the field."""
    sent = _key(admin, "grant-coupon") | CASES["grant-coupon"].fields(given) | {"confirm": "yes"}
    assert admin.post(_url("grant-coupon"), sent).status_code == 302
    page = admin.post(_url("grant-coupon"), sent | {"amount": "8"})
    assert page.context["problem"].code == "conflict"
    assert "amount differs" in page.context["problem"].message
    assert CouponGrant.objects.filter(user_id=given.user.pk).count() == 1


def test_a_rejected_command_can_be_sent_again_from_the_same_page(admin: Client, given: Given) -> None:
    """The page has a new key, because the answer to the old one is final."""
    sent = _key(admin, "redeem-code") | {"operation_user": given.user.pk, "code": "LATER", "confirm": "yes"}
    page = admin.post(_url("redeem-code"), sent)
    problem = page.context["problem"]
    assert problem.code == "code_unknown"
    assert Event.objects.get(position=problem.position).type == "operation.rejected"
    again = page.context["form"]["key"].value()
    assert again != sent["key"]
    make.recorded(do.create_code("LATER", 1))
    assert admin.post(_url("redeem-code"), sent | {"key": again}).status_code == 302


def test_going_back_to_change_something_keeps_all_values(admin: Client, given: Given) -> None:
    """The key is kept as well."""
    sent = _key(admin, "capture-hold") | {"hold": given.hold, "count_of_lines": 10}
    shown = admin.post(_url("capture-hold"), sent | {"preview": "yes"})
    back = admin.post(_url("capture-hold"), _hidden(shown.content.decode()) | {"change": "yes"})
    form = back.context["form"]
    assert {name: str(form[name].value()) for name in sent} == {name: str(sent[name]) for name in sent}
    assert form["final"].value() is False
    assert 'id="preview"' not in back.content.decode()


def test_the_ledger_verifies_after_all_commands(admin: Client, given: Given) -> None:
    """Verification finds no difference after the command of every page."""
    for name, case in CASES.items():
        if name not in _IMPOSSIBLE_AFTER_OTHERS:
            sent = _key(admin, name) | case.fields(given) | {"confirm": "yes"}
            assert admin.post(_url(name), sent).status_code == 302, name
    assert verified()[1] == []

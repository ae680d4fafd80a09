"""Users: balances are read-only, profiles are edited, and only superusers change roles and staff."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from models import User
from tests.projections.world import World


def _url(key: int) -> str:
    return reverse("admin:models_user_change", args=[key])


def test_a_user_s_balances_are_shown_and_cannot_be_changed(admin: Client, world: World) -> None:
    """The page shows debts and what is held as well; saving it leaves all of them unchanged."""
    url = _url(world.debtor.pk)
    page = admin.get(url)
    content = page.content.decode()
    for shown in ("100.00000000 USD", "2.00000000 USD", "0.50000000 EAML"):
        assert shown in content
    form = page.context["adminform"].form
    data = {name: value for name, value in form.initial.items() if name in form.fields and value}
    data |= {"first_name": "Ada", "user_balance": "999", "usd": "999", "is_active": "on"}
    answer = admin.post(url, data)
    assert answer.status_code == 302, answer.context and answer.context["errors"]
    changed = User.objects.get(pk=world.debtor.pk)
    assert (changed.first_name, str(changed.user_balance)) == ("Ada", "100.00000000")


def test_a_new_user_is_added_with_an_address_and_a_password(admin: Client) -> None:
    """Other fields are edited on the user's page afterwards."""
    answer = admin.post(
        reverse("admin:models_user_add"),
        {"email": "new@example.com", "password1": "a-long-passw0rd", "password2": "a-long-passw0rd"},
    )
    assert answer.status_code == 302
    assert User.objects.get(email="new@example.com").check_password("a-long-passw0rd")
    answer = admin.post(
        reverse("admin:models_user_add"),
        {"email": "New@example.com", "password1": "a-long-passw0rd", "password2": "a-long-passw0rd"},
    )
    assert "A user with this email address exists already." in answer.content.decode()
    assert User.objects.filter(email__iexact="new@example.com").count() == 1


def test_only_a_superuser_changes_roles(admin: Client, world: World) -> None:
    """Otherwise staff who may change users could give themselves every permission."""
    staff = User.objects.create_user(email=f"{uuid4().hex}@example.com", password=None, is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    client = Client()
    client.force_login(staff)
    url = _url(world.buyer.pk)
    roles = {"is_staff", "is_superuser", "is_super_admin", "groups", "user_permissions"}
    shown = client.get(url).context["adminform"].form
    assert roles.isdisjoint(shown.fields)
    assert roles <= set(admin.get(url).context["adminform"].form.fields)
    sent = {name: value for name, value in shown.initial.items() if name in shown.fields and value}
    sent |= {"is_active": "on", "is_superuser": "on", "is_staff": "on", "first_name": "Eve"}
    assert client.post(url, sent).status_code == 302
    changed = User.objects.get(pk=world.buyer.pk)
    assert (changed.first_name, changed.is_superuser, changed.is_staff) == ("Eve", False, False)


def test_only_a_superuser_changes_staff(admin: Client, world: World) -> None:
    """With a new password for a colleague's account one person could approve their own proposals."""
    staff, colleague = (
        User.objects.create_user(email=f"{uuid4().hex}@example.com", password=None, is_staff=True)
        for _ in range(2)
    )
    staff.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    client = Client()
    client.force_login(staff)
    new = {"password1": "a-long-passw0rd", "password2": "a-long-passw0rd", "usable_password": "true"}
    for person, status in ((world.buyer, 302), (colleague, 403)):
        password = reverse("admin:auth_user_password_change", args=[person.pk])
        assert client.post(password, new).status_code == status
        assert client.post(_url(person.pk), {"first_name": "Eve"}).status_code in {
            status,
            200,
        }
    colleague.refresh_from_db()
    assert not colleague.has_usable_password()
    assert colleague.first_name is None
    assert admin.post(reverse("admin:auth_user_password_change", args=[colleague.pk]), new).status_code == 302


@pytest.mark.parametrize(
    "right",
    [
        pytest.param(lambda user: User.objects.filter(pk=user.pk).update(is_super_admin=True), id="role"),
        pytest.param(lambda user: user.user_permissions.add(Permission.objects.all()[0]), id="permission"),
        pytest.param(lambda user: user.groups.add(Group.objects.create(name="finance")), id="group"),
    ],
)
def test_staff_do_not_change_the_account_of_anyone_with_a_right(
    world: World, right: Callable[[User], object]
) -> None:
    """Neither the page nor the password's own page, for a user who is not staff but a super admin, say."""
    right(world.buyer)
    client, staff = Client(), User.objects.create_user(email="s@example.com", password=None, is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    client.force_login(staff)
    new = {"password1": "a-long-passw0rd", "password2": "a-long-passw0rd", "usable_password": "true"}
    password_page = reverse("admin:auth_user_password_change", args=[world.buyer.pk])
    assert client.post(password_page, new).status_code == 403
    assert client.post(_url(world.buyer.pk), {"email": "mine@example.com"}).status_code == 403
    world.buyer.refresh_from_db()
    assert not world.buyer.check_password("a-long-passw0rd")
    assert world.buyer.email != "mine@example.com"


def test_only_a_superuser_changes_groups(admin: Client) -> None:
    """Staff who may change groups could give every right to a group of their own."""
    group = Group.objects.create(name="finance")
    staff = User.objects.create_user(email="s@example.com", password=None, is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__in=["view_group", "change_group"]))
    client = Client()
    client.force_login(staff)
    page = reverse("admin:auth_group_change", args=[group.pk])
    sent = {"name": "finance", "permissions": [Permission.objects.all()[0].pk]}
    assert client.post(page, sent).status_code == 403
    assert admin.post(page, sent).status_code == 302
    assert group.permissions.count() == 1


def test_the_first_page_shows_figures_to_staff_who_may_view_operations(world: World) -> None:
    """Other staff see no figure of the platform."""
    del world
    client, staff = Client(), User.objects.create_user(email="s@example.com", password=None, is_staff=True)
    client.force_login(staff)
    page = client.get("/admin/").content.decode()
    assert "Incoming Kafka topics" not in page
    assert "shown to staff who may view operations" in page
    staff.user_permissions.set(Permission.objects.filter(codename="view_operation"))
    page = client.get("/admin/").content.decode()
    assert "Incoming Kafka topics" in page
    staff.user_permissions.set(Permission.objects.filter(codename="view_proposedchange"))
    page = client.get("/admin/").content.decode()
    assert "wait for a second person" in page
    assert "Incoming Kafka topics" not in page

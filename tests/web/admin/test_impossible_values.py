"""Addresses and forms with values that no column can hold are answered with 400 and change nothing."""

from typing import Any

import pytest
from django.contrib.admin import site
from django.test import Client
from django.urls import reverse

from models import User

pytestmark = pytest.mark.django_db

HUGE = "9" * 30


def _lists() -> list[str]:
    return [f"{model._meta.app_label}_{model._meta.model_name}" for model in site._registry]


@pytest.mark.parametrize("name", _lists())
@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "state=%00",
        "state__exact=%00",
        f"id={HUGE}",
        f"id__exact={HUGE}",
        f"q={HUGE}",
        f"p={HUGE}",
        "p=%00",
        "_facets=%00",
        "e=%00",
    ],
)
def test_no_list_fails_on_an_address(admin: Client, name: str, query: str) -> None:
    admin.raise_request_exception = False
    answer = admin.get(f"{reverse(f'admin:{name}_changelist')}?{query}", follow=True)
    assert answer.status_code < 500


@pytest.mark.parametrize("name", _lists())
@pytest.mark.parametrize("key", ["%00", HUGE, "-1", "x", "1%2F..", "%F0%9F%98%80"])
def test_no_page_fails_on_an_address(admin: Client, name: str, key: str) -> None:
    admin.raise_request_exception = False
    path = reverse(f"admin:{name}_change", args=["KEY"]).replace("KEY", key)
    assert admin.get(path, follow=True).status_code < 500


@pytest.mark.parametrize("value", ["\0", HUGE, "-" + HUGE, "1e400", "NaN"])
def test_no_form_of_a_user_fails_on_a_value(admin: Client, value: str) -> None:
    """The user is unchanged."""
    admin.raise_request_exception = False
    user = User.objects.order_by("pk").first()
    assert user is not None
    before = User.objects.filter(pk=user.pk).values().get()
    path = reverse("admin:models_user_change", args=[user.pk])
    page = admin.get(path)
    form: Any = page.context["adminform"].form
    sent = {name: value for name in form.fields if name != "email"}
    assert admin.post(path, sent).status_code < 500
    assert User.objects.filter(pk=user.pk).values().get() == before

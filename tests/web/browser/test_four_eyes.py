"""Two people with two browsers: one proposes an adjustment, the other approves it."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from playwright.sync_api import Browser, Page, expect

from ledger.models import ProposedChange
from models import User
from tests import builders as make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

_PASSWORD = "a-long-passw0rd"


def _staff(name: str, *codenames: str) -> User:
    user = User.objects.create_user(email=f"{name}@example.com", password=_PASSWORD, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


def _signed_in(browser: Browser, address: str, person: User) -> Page:
    page = browser.new_context(base_url=address).new_page()
    page.goto("/admin/")
    page.get_by_label("Email").fill(str(person.email))
    page.locator("input[name=password]").fill(_PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/")
    return page


def test_an_adjustment_above_the_limit_is_approved_by_a_second_person(
    browser: Browser, live_server: Any
) -> None:
    """They use the buttons on the pages; a double click on confirm makes one proposal."""
    payee = make.make_user()
    anna = _staff("anna", "view_user", "add_proposedchange", "view_proposedchange")
    bert = _staff("bert", "view_user", "change_proposedchange")

    page = _signed_in(browser, live_server.url, anna)
    page.goto(f"/admin/models/user/{payee.pk}/change/")
    page.get_by_text("Money").click()
    page.get_by_role("link", name="Adjust a balance").click()
    page.get_by_label("Amount").fill("1234.5")
    page.get_by_label("Reason code").fill("goodwill")
    page.locator("textarea[name=reason]").fill("a lost parcel")
    page.get_by_role("button", name="Show what would happen").click()
    expect(page.get_by_text("This needs a second person")).to_be_visible()
    page.get_by_role("button", name="Confirm").dblclick()
    expect(page.get_by_text("Yes: another person must approve it.")).to_be_visible()
    assert ProposedChange.objects.count() == 1
    page.goto("/admin/ledger/proposedchange/")
    expect(page.get_by_role("link", name="approve", exact=True)).to_have_count(0)

    page = _signed_in(browser, live_server.url, bert)
    page.get_by_role("link", name="waits for a second person").click()
    row = page.get_by_role("row", name="+1234.50000000 USD")
    expect(row).to_contain_text("anna@example.com")
    expect(row).to_contain_text("reason: a lost parcel")
    row.get_by_role("link", name="approve", exact=True).click()
    page.get_by_role("button", name="Show what would happen").click()
    expect(page.get_by_role("row", name=f"user:{payee.pk}:usd").last).to_contain_text("1234.50000000 USD")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Done: adjustment")).to_be_visible()

    page.goto(f"/admin/models/user/{payee.pk}/change/")
    expect(page.get_by_role("row", name="usd").first).to_contain_text("1234.50000000 USD")
    payee.refresh_from_db()
    assert str(payee.user_balance) == "1234.50000000"

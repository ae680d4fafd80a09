"""Buttons that lead to command pages with fields filled in, and what is shown there of the target."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from models import User
from tests.web.admin.cases import Given
from web.admin.command_pages import COMMAND_PAGES


def _url(name: str) -> str:
    return f"/admin/doors/{name}/"


@pytest.mark.parametrize(
    ("page", "command", "field"),
    [
        ("models/user/{given.user.pk}", "adjust", "operation_user"),
        ("ledger/proposedchange/{given.proposal}", "approve", "proposal"),
        ("ledger/proposedchange/{given.proposal}", "decline", "proposal"),
        ("ledger/proposedchange", "adjust", None),
        ("models/user/{given.user.pk}", "request-payout", "operation_user"),
        ("ledger/requestedpayout/{given.payout}", "confirm-payout", "payout"),
        ("ledger/requestedpayout/{given.payout}", "fail-payout", "payout"),
        ("ledger/requestedpayout", "request-payout", None),
        ("ledger/bookperiod", "close-period", None),
        ("models/consultingrequest/{given.asked}", "sign-contract", "contract"),
        ("ledger/consultingcontract", "sign-contract", None),
        ("ledger/consultingcontract/{given.contract}", "finish-contract", "contract"),
        ("ledger/consultingcontract/{given.contract}", "split-contract", "contract"),
        ("ledger/consultingcontract/{given.contract}", "cancel-contract", "contract"),
        ("models/user/{given.user.pk}", "override-tariff", "user"),
        ("models/team/{given.team}", "override-tariff", "team"),
        ("ledger/publishedtariff", "publish-tariff", None),
        ("ledger/publishedtariff", "override-tariff", None),
        ("ledger/bookperiod/{given.closed}", "reopen-period", "period"),
        ("models/user/{given.user.pk}", "grant-coupon", "operation_user"),
        ("models/user/{given.user.pk}", "redeem-code", "operation_user"),
        ("models/user/{given.user.pk}", "place-hold", "operation_user"),
        ("models/user/{given.user.pk}", "set-credit-limit", "user"),
        ("models/operation/{given.operation}", "reverse-operation", "operation"),
        ("models/operation/{given.payment}", "charge-back", "operation"),
        ("models/operation", "charge-back", None),
        ("ledger/heldfunds/{given.hold}", "capture-hold", "hold"),
        ("ledger/heldfunds/{given.hold}", "void-hold", "hold"),
        ("ledger/couponcode/{given.code}", "redeem-code", "code"),
        ("ledger/couponcode", "offer-code", None),
        ("ledger/couponcode", "redeem-code", None),
        ("ledger/coupongrant", "grant-coupon", None),
        ("ledger/heldfunds", "place-hold", None),
    ],
)
def test_a_button_leads_to_the_command_page_with_the_row_filled_in(
    admin: Client, given: Given, page: str, command: str, field: str | None
) -> None:
    """Staff with permission only to view do not see it."""
    record = page.format(given=given)
    url = f"/admin/{record}/change/" if field else f"/admin/{record}/"
    button = f"/admin/{record}/{command}/"
    assert f'href="{button}"' in admin.get(url).content.decode()
    answer = admin.get(button)
    assert answer.status_code == 302
    form = admin.get(answer.headers["Location"]).context["form"]
    if field:
        assert str(form[field].value()) == record.rpartition("/")[2]
    staff = User.objects.create_user(email=f"{uuid4().hex}@example.com", password=None, is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(staff)
    assert f'href="{button}"' not in client.get(url).content.decode()
    assert client.get(button).status_code == 403


@pytest.mark.parametrize(
    ("command", "field", "known", "texts"),
    [
        ("capture-hold", "hold", "hold", ["open", "1.00000000 EAML", "solving on machine"]),
        ("void-hold", "hold", "voided", ["voided", "0.00000000 EAML"]),
        ("confirm-payout", "payout", "payout", ["requested", "2.50000000 USD"]),
        ("fail-payout", "payout", "failed", ["failed", "1.00000000 USD"]),
        ("reverse-operation", "operation", "operation", ["machine copy", "5.00000000 USD"]),
        ("charge-back", "operation", "payment", ["credit from user", "20.00000000 USD"]),
        ("finish-contract", "contract", "contract", ["signed", "10.00000000 USD", "0.20000000"]),
        ("cancel-contract", "contract", "ended", ["cancelled", "0.00000000 USD"]),
        ("approve", "proposal", "proposal", ["+2000.00000000 USD", "anna", "goodwill"]),
        ("decline", "proposal", "proposal", ["+2000.00000000 USD", "anna", "goodwill"]),
    ],
)
def test_a_command_page_describes_its_target(
    admin: Client, given: Given, command: str, field: str, known: str, texts: list[str]
) -> None:
    """On GET and on POST; it describes nothing if the id is unknown or not an id."""
    page = admin.get(_url(command), {field: getattr(given, known)}).content.decode()
    target = page.partition('id="target"')[2].partition("</table>")[0]
    assert all(text in target for text in texts)
    for unknown in (str(uuid4()), "zebra", ""):
        assert 'id="target"' not in admin.get(_url(command), {field: unknown}).content.decode()
    page = admin.post(_url(command), {field: getattr(given, known)}).content.decode()
    assert 'id="target"' in page


@pytest.mark.parametrize(
    "page",
    [
        "ledger/heldfunds/{given.voided}",
        "ledger/requestedpayout/{given.failed}",
        "ledger/consultingcontract/{given.ended}",
        "models/consultingrequest/{given.contract}",
    ],
)
def test_resolved_rows_have_no_buttons(admin: Client, given: Given, page: str) -> None:
    """The ledger would refuse their commands."""
    record = page.format(given=given)
    content = admin.get(f"/admin/{record}/change/").content.decode()
    assert record.rpartition("/")[2] in content
    assert not any(f"/{record}/{command}/" in content for command in COMMAND_PAGES)

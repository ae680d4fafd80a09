"""Coupons and coupon codes over HTTP."""

from datetime import timedelta

import pytest
from django.utils import timezone

from models import User
from tests.builders import make_user, short
from tests.web.api.command_routes import World, make_world, send
from tests.web.api.conftest import Response, refused, users_own


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def test_coupons_are_shown_in_the_order_they_are_spent(world: World) -> None:
    """A service and the user see them, with the sum of what remains."""
    soon = (timezone.now() + timedelta(days=1)).isoformat()
    for body in (
        {"amount": "1"},
        {"amount": "2", "expires_at": soon},
        {"amount": "4", "priority": 1, "kinds": ["pay_a_bill"]},
    ):
        send(world, "/v1/coupons", {"operation_user": world.user.pk, "reason": "r", **body})
    send(world, "/v1/coupons/redemptions", {"operation_user": world.user.pk, "code": "WELCOME"})
    path = f"/v1/users/{world.user.pk}/coupons"
    found = world.api.get(path).json()
    assert (found["user"], found["live"]) == (world.user.pk, "9.00000000")
    assert [short(item["remaining"]) for item in found["items"]] == ["4", "2", "1", "2"]
    assert [item["code"] for item in found["items"]] == [None, None, None, "WELCOME"]
    assert [item["kinds"] for item in found["items"]] == [["pay_a_bill"], None, None, None]
    assert users_own(world.user).get(path).json() == found
    refused(users_own(make_user()).get(path), 404, "not_found")
    refused(world.api.get(f"/v1/users/{10**12}/coupons"), 404, "not_found")


def test_coupon_that_would_have_expired_names_the_field(world: World) -> None:
    past = (timezone.now() - timedelta(seconds=1)).isoformat()
    body = {"operation_user": world.user.pk, "amount": "1", "expires_at": past, "reason": "r"}
    refused(send(world, "/v1/coupons", body), 422, "expiry_passed", "expires_at")


def test_code_is_redeemed_within_its_limits(world: World) -> None:
    """Each refusal has its own code."""
    past = (timezone.now() - timedelta(seconds=1)).isoformat()
    send(world, "/v1/coupons/codes", {"code": "PAST", "amount": "1", "redeem_until": past})
    send(world, "/v1/coupons/codes", {"code": "ONCE", "amount": "1", "redemptions_max": 1})

    def redeem(code: str, user: User) -> Response:
        body = {"operation_user": user.pk, "code": code}
        return send(world, "/v1/coupons/redemptions", body)

    refused(redeem("NOPE", world.user), 422, "code_unknown")
    refused(redeem("PAST", world.user), 422, "code_expired")
    assert redeem("ONCE", world.user).status_code == 201
    refused(redeem("ONCE", world.user), 422, "already_redeemed")
    refused(redeem("ONCE", make_user()), 422, "code_exhausted")
    answer = send(world, "/v1/coupons/codes", {"code": "ONCE", "amount": "9"})
    refused(answer, 422, "code_exists", "code")


def test_bill_names_the_coupon_that_paid(world: World) -> None:
    """A reversal returns the coupon."""
    coupon = send(
        world, "/v1/coupons", {"operation_user": world.user.pk, "amount": "3", "reason": "r"}
    ).json()
    bill = send(
        world, "/v1/operations", {"type": "pay_a_bill", "operation_user": world.user.pk, "amount": "5"}
    ).json()
    assert bill["spent"] == [{"grant": coupon["id"], "amount": "3.00000000"}]
    assert bill["grants"][coupon["id"]]["remaining"] == "0.00000000"
    send(world, f"/v1/operations/{bill['id']}/reversals", {"reason": "r"})
    assert world.api.get(f"/v1/users/{world.user.pk}/coupons").json()["live"] == "3.00000000"

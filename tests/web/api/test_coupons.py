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
    limits = {"redeem_until": past, "redemptions_max": 9}
    send(world, "/v1/coupons/codes", {"code": "PAST", "amount": "1", **limits})
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


def test_code_whose_coupons_would_last_too_long_is_refused(world: World) -> None:
    """The longest time that is accepted can be redeemed, and later times cannot be asked for."""
    body = {"code": "EVER", "amount": "1", "redemptions_max": 9, "valid_days": 3_000_000}
    refused(send(world, "/v1/coupons/codes", body), 422, "out_of_range", "valid_days")
    refused(
        send(world, "/v1/coupons/codes", {**body, "valid_days": 3_651}), 422, "out_of_range", "valid_days"
    )
    assert send(world, "/v1/coupons/codes", {**body, "valid_days": 3_650}).status_code == 201
    redeemed = send(world, "/v1/coupons/redemptions", {"operation_user": world.user.pk, "code": "EVER"})
    assert redeemed.status_code == 201


def test_withdrawn_code_cannot_be_redeemed_any_more(world: World) -> None:
    """A coupon that was redeemed before stays, and is spent as before."""
    redeem = {"operation_user": world.user.pk, "code": "WELCOME"}
    assert send(world, "/v1/coupons/redemptions", redeem).status_code == 201
    path = "/v1/coupons/codes/WELCOME/withdraw"
    assert send(world, path, None, key="withdraw").status_code == 201
    assert send(world, path, None, key="withdraw").status_code == 200
    refused(send(world, path, None), 422, "code_withdrawn")
    refused(
        send(world, "/v1/coupons/redemptions", {**redeem, "operation_user": make_user().pk}),
        422,
        "code_withdrawn",
    )
    refused(send(world, "/v1/coupons/codes", {"code": "WELCOME", "amount": "1"}), 422, "code_exists", "code")
    refused(send(world, "/v1/coupons/codes/NOPE/withdraw", None), 422, "code_unknown")
    refused(send(world, "/v1/coupons/codes/nope/withdraw", None), 422, "invalid_text", "code")
    assert world.api.get(f"/v1/users/{world.user.pk}/coupons").json()["live"] == "2.00000000"


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

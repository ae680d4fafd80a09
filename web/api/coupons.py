"""Routes for coupons: grant them, create, withdraw and redeem codes, list a user's coupons."""

from functools import partial

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path

from ledger.queries.balances import balances
from ledger.queries.kept import live_grants
from ledger.requests import bodies, by_people
from web.api import reading, rendering, shapes
from web.api.answering import submit
from web.api.auth import AdminKey, ReadKey, WriteKey, caller_of
from web.api.callers import no_such_user
from web.api.documentation import PROPOSED, RECORDED, body_of, command_extra, refusals
from web.api.parameters import Id
from web.api.routes import router


@router.post(
    "/coupons",
    auth=AdminKey(),
    tags=["coupons"],
    operation_id="grant_coupon",
    summary="Give a user promotional credit",
    response={**RECORDED, **PROPOSED},
    openapi_extra=command_extra(body_of(bodies.Coupon)),
)
def grant_coupon(request: HttpRequest) -> HttpResponse:
    """Give a user credit that pays only for what they owe to the platform, until it expires."""
    body = bodies.read_as(bodies.Coupon, reading.read_json(request))
    return submit(request, partial(by_people.grant_coupon, body, now=timezone.now()))


@router.post(
    "/coupons/codes",
    auth=AdminKey(),
    tags=["coupons"],
    operation_id="create_coupon_code",
    summary="Create a coupon code",
    response={**RECORDED, **PROPOSED},
    openapi_extra=command_extra(body_of(bodies.CodeToRedeem)),
)
def create_coupon_code(request: HttpRequest) -> HttpResponse:
    """Create a code that each user can redeem once. Redemptions can be limited in number and time."""
    body = bodies.read_as(bodies.CodeToRedeem, reading.read_json(request))
    return submit(request, partial(by_people.create_code, body, now=timezone.now()))


@router.post(
    "/coupons/codes/{code}/withdraw",
    auth=AdminKey(),
    tags=["coupons"],
    operation_id="withdraw_coupon_code",
    summary="Withdraw a coupon code",
    response=RECORDED,
    openapi_extra=command_extra(None),
)
def withdraw_coupon_code(request: HttpRequest, code: Path[str]) -> HttpResponse:
    """Stop redemptions of a code. What was redeemed stays."""
    body = bodies.read_as(bodies.CodeToWithdraw, {"code": code})
    return submit(request, partial(by_people.withdraw_code, body, now=timezone.now()))


@router.post(
    "/coupons/redemptions",
    auth=WriteKey(),
    tags=["coupons"],
    operation_id="redeem_coupon_code",
    summary="Redeem a coupon code for a user",
    response=RECORDED,
    openapi_extra=command_extra(body_of(bodies.Redemption)),
)
def redeem_coupon_code(request: HttpRequest) -> HttpResponse:
    """Give the user the coupon of the code, once per user."""
    body = bodies.read_as(bodies.Redemption, reading.read_json(request))
    return submit(request, partial(by_people.redeem_code, body, now=timezone.now()))


@router.get(
    "/users/{user}/coupons",
    auth=ReadKey(),
    tags=["users"],
    operation_id="get_coupons",
    summary="Show a user's coupons",
    response={200: shapes.Coupons, **refusals(404, 422)},
)
def get_coupons(request: HttpRequest, user: Path[Id]) -> HttpResponse:
    """Return the coupons that are live now, in the order in which they are spent."""
    caller_of(request).check_balances_of(user)
    if balances(user, at=timezone.now()) is None:
        raise no_such_user()
    return rendering.json_response(rendering.coupons(user, live_grants(user, at=timezone.now())))

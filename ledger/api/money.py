"""The doors beyond the nine operations: holds, coupons, reversals, debts. Each can be tried dry."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path

from easyautoml_ledger.holds import HoldCaptured, HoldRequested, HoldVoided
from easyautoml_ledger.ids import Uuid
from ledger.api import bodies, reading, rendering, shapes, submissions
from ledger.api.answering import submit
from ledger.api.auth import AdminKey, ReadKey, WriteKey, caller_of
from ledger.api.callers import no_such_user
from ledger.api.documentation import body_of, command_extra, refusals
from ledger.api.parameters import Id
from ledger.api.routes import router
from ledger.domain.errors import NotFound
from ledger.operations import holds
from ledger.queries import coupons as coupon_queries
from ledger.queries import debts
from ledger.queries import holds as hold_queries
from ledger.queries.balances import balances

_REFUSED = (400, 409, 411, 413, 415, 422)
_DONE: Mapping[int, Any] = {201: shapes.Operation, 200: shapes.OperationOrQuote, **refusals(*_REFUSED)}


@router.post(
    "/holds",
    auth=WriteKey(),
    tags=["holds"],
    operation_id="place_hold",
    summary="Set money aside for work",
    response=_DONE,
    openapi_extra=command_extra(body_of(HoldRequested)),
)
def place_hold(request: HttpRequest) -> HttpResponse:
    """201: the work may start. The publisher chooses the hold's id, so that a retry is the same hold."""
    body = bodies.read_as(HoldRequested, reading.read_json(request))
    return submit(
        request, lambda **who: holds.placing(body, now=timezone.now(), **who), f"/v1/holds/{body.hold}"
    )


@router.get(
    "/holds/{uuid:hold}",
    auth=ReadKey(),
    tags=["holds"],
    operation_id="get_hold",
    summary="Show a hold",
    response={200: shapes.Hold, **refusals(404, 422)},
)
def get_hold(request: HttpRequest, hold: Path[Uuid]) -> HttpResponse:
    """What is still set aside, what was captured, and whether it is open; exact at this moment."""
    found = hold_queries.find(hold, at=timezone.now())
    if found is None or not caller_of(request).sees_balances_of(found.user):
        raise NotFound("there is no such hold")
    return rendering.json_response(rendering.hold(found))


@router.post(
    "/holds/{uuid:hold}/capture",
    auth=WriteKey(),
    tags=["holds"],
    operation_id="capture_hold",
    summary="Pay work out of a hold",
    response=_DONE,
    openapi_extra=command_extra(body_of(bodies.Capture)),
)
def capture_hold(request: HttpRequest, hold: Path[Uuid]) -> HttpResponse:
    """Within the hold it cannot fail; above it the rest comes from what is available, then becomes due."""
    body = bodies.read_as(bodies.Capture, reading.read_json(request))
    message = HoldCaptured(hold=hold, **body.model_dump())
    return submit(
        request, lambda **who: holds.capturing(message, now=timezone.now(), **who), f"/v1/holds/{hold}"
    )


@router.post(
    "/holds/{uuid:hold}/void",
    auth=WriteKey(),
    tags=["holds"],
    operation_id="void_hold",
    summary="Release a hold",
    response=_DONE,
    openapi_extra=command_extra(body_of(bodies.Void)),
)
def void_hold(request: HttpRequest, hold: Path[Uuid]) -> HttpResponse:
    """The work was not done: what is left of the hold is available again."""
    body = bodies.read_as(bodies.Void, reading.read_json(request))
    message = HoldVoided(hold=hold, reason=body.reason)
    return submit(
        request, lambda **who: holds.voiding(message, now=timezone.now(), **who), f"/v1/holds/{hold}"
    )


@router.post(
    "/operations/{uuid:operation}/reversals",
    auth=WriteKey(),
    tags=["operations"],
    operation_id="reverse_operation",
    summary="Take back all or part of an operation",
    response={**_DONE, **refusals(404, *_REFUSED)},
    openapi_extra=command_extra(body_of(bodies.Reversal)),
)
def reverse_operation(request: HttpRequest, operation: Path[Uuid]) -> HttpResponse:
    """Never more than is left of it; commission included; coupons come back as coupons."""
    body = bodies.read_as(bodies.Reversal, reading.read_json(request))
    return submit(request, partial(submissions.reversing, body, operation, now=timezone.now()))


@router.post(
    "/coupons",
    auth=AdminKey(),
    tags=["coupons"],
    operation_id="grant_coupon",
    summary="Give a user promotional credit",
    response=_DONE,
    openapi_extra=command_extra(body_of(bodies.Coupon)),
)
def grant_coupon(request: HttpRequest) -> HttpResponse:
    """Spendable on what is owed to the platform only, until it expires."""
    body = bodies.read_as(bodies.Coupon, reading.read_json(request))
    return submit(request, partial(submissions.granting, body, now=timezone.now()))


@router.post(
    "/coupons/codes",
    auth=AdminKey(),
    tags=["coupons"],
    operation_id="create_coupon_code",
    summary="Offer a coupon code",
    response=_DONE,
    openapi_extra=command_extra(body_of(bodies.CodeToRedeem)),
)
def create_coupon_code(request: HttpRequest) -> HttpResponse:
    """Limited in number and time, if wanted; each user redeems it once."""
    body = bodies.read_as(bodies.CodeToRedeem, reading.read_json(request))
    return submit(request, partial(submissions.offering, body, now=timezone.now()))


@router.post(
    "/coupons/redemptions",
    auth=WriteKey(),
    tags=["coupons"],
    operation_id="redeem_coupon_code",
    summary="Redeem a coupon code for a user",
    response=_DONE,
    openapi_extra=command_extra(body_of(bodies.Redemption)),
)
def redeem_coupon_code(request: HttpRequest) -> HttpResponse:
    """The user gets what the code gives, once."""
    body = bodies.read_as(bodies.Redemption, reading.read_json(request))
    return submit(request, partial(submissions.redeeming, body, now=timezone.now()))


@router.get(
    "/users/{user}/coupons",
    auth=ReadKey(),
    tags=["users"],
    operation_id="get_coupons",
    summary="Show a user's coupons",
    response={200: shapes.Coupons, **refusals(404, 422)},
)
def get_coupons(request: HttpRequest, user: Path[Id]) -> HttpResponse:
    """The grants that are live at this moment, in the order they are spent."""
    caller_of(request).check_balances_of(user)
    if balances(user, at=timezone.now()) is None:
        raise no_such_user()
    return rendering.json_response(
        rendering.coupons(user, coupon_queries.live_grants(user, at=timezone.now()))
    )


@router.get(
    "/users/{user}/dues",
    auth=ReadKey(),
    tags=["users"],
    operation_id="get_dues",
    summary="Show what a user owes",
    response={200: shapes.Dues, **refusals(404, 422)},
)
def get_dues(request: HttpRequest, user: Path[Id]) -> HttpResponse:
    """What is owed by age, the oldest settled first, and the credit limit."""
    caller_of(request).check_balances_of(user)
    found = debts.dues(user, at=timezone.now())
    if found is None:
        raise no_such_user()
    return rendering.json_response(rendering.dues(user, found))


@router.post(
    "/users/{user}/credit-limit",
    auth=AdminKey(),
    tags=["users"],
    operation_id="set_credit_limit",
    summary="Set a user's credit limit",
    response=_DONE,
    openapi_extra=command_extra(body_of(bodies.CreditLimit)),
)
def set_credit_limit(request: HttpRequest, user: Path[Id]) -> HttpResponse:
    """How much EAML the user may owe; null: what the tariff says."""
    body = bodies.read_as(bodies.CreditLimit, reading.read_json(request))
    return submit(request, partial(submissions.limiting, body, user, now=timezone.now()))

"""The doors of payouts, asked for, then paid or failed, and of chargebacks. Each can be tried dry."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path

from easyautoml_ledger.chargebacks import Chargeback
from easyautoml_ledger.ids import Uuid
from easyautoml_ledger.payouts import PayoutFailed, PayoutPaid, PayoutRequested
from ledger.domain.errors import NotFound
from ledger.queries.kept import find_payout
from ledger.requests import bodies, chargebacks, payouts
from web.api import reading, rendering, shapes
from web.api.answering import submit
from web.api.auth import ReadKey, WriteKey, caller_of
from web.api.documentation import body_of, command_extra, refusals
from web.api.routes import router

_REFUSED = (400, 409, 411, 413, 415, 422)
_DONE: Mapping[int, Any] = {201: shapes.Operation, 200: shapes.OperationOrQuote, **refusals(*_REFUSED)}


@router.post(
    "/payouts",
    auth=WriteKey(),
    tags=["payouts"],
    operation_id="request_payout",
    summary="Set money of a user aside, to be paid out",
    response=_DONE,
    openapi_extra=command_extra(body_of(PayoutRequested)),
)
def request_payout(request: HttpRequest) -> HttpResponse:
    """201: the money may be sent. The caller chooses the payout's id, so that a retry is the same payout.

    A user is paid no more than what is available less what he owes.
    """
    body = bodies.read_as(PayoutRequested, reading.read_json(request))
    return submit(
        request,
        lambda **who: payouts.request_payout(body, now=timezone.now(), **who),
        f"/v1/payouts/{body.payout}",
    )


@router.get(
    "/payouts/{uuid:payout}",
    auth=ReadKey(),
    tags=["payouts"],
    operation_id="get_payout",
    summary="Show a payout",
    response={200: shapes.Payout, **refusals(404, 422)},
)
def get_payout(request: HttpRequest, payout: Path[Uuid]) -> HttpResponse:
    """Whether it waits, was paid or has failed."""
    found = find_payout(payout)
    if found is None or not caller_of(request).sees_balances_of(found.user):
        raise NotFound("there is no such payout")
    return rendering.json_response(rendering.payout(found))


@router.post(
    "/payouts/{uuid:payout}/paid",
    auth=WriteKey(),
    tags=["payouts"],
    operation_id="confirm_payout",
    summary="Say that a payout was paid",
    response=_DONE,
    openapi_extra=command_extra(body_of(bodies.Paid)),
)
def confirm_payout(request: HttpRequest, payout: Path[Uuid]) -> HttpResponse:
    """The money has left the ledger. A provider's reference is used once."""
    body = bodies.read_as(bodies.Paid, reading.read_json(request))
    message = PayoutPaid(payout=payout, **body.model_dump())
    return submit(
        request,
        lambda **who: payouts.confirm_payout(message, now=timezone.now(), **who),
        f"/v1/payouts/{payout}",
    )


@router.post(
    "/payouts/{uuid:payout}/failed",
    auth=WriteKey(),
    tags=["payouts"],
    operation_id="fail_payout",
    summary="Say that a payout will not be paid",
    response=_DONE,
    openapi_extra=command_extra(body_of(bodies.Failed)),
)
def fail_payout(request: HttpRequest, payout: Path[Uuid]) -> HttpResponse:
    """Cancelled, or not possible: the money is available again."""
    body = bodies.read_as(bodies.Failed, reading.read_json(request))
    message = PayoutFailed(payout=payout, reason=body.reason)
    return submit(
        request,
        lambda **who: payouts.fail_payout(message, now=timezone.now(), **who),
        f"/v1/payouts/{payout}",
    )


@router.post(
    "/chargebacks",
    auth=WriteKey(),
    tags=["chargebacks"],
    operation_id="charge_back",
    summary="Take back money that was paid in",
    response={**_DONE, **refusals(404, *_REFUSED)},
    openapi_extra=command_extra(body_of(Chargeback)),
)
def charge_back(request: HttpRequest) -> HttpResponse:
    """From what is available of it; what is spent is due. Never what is held, nor more than is left."""
    body = bodies.read_as(Chargeback, reading.read_json(request))
    return submit(request, lambda **who: chargebacks.charge_back(body, now=timezone.now(), **who))

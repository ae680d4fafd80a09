"""Routes for payouts (requested, then paid or failed) and chargebacks."""

from functools import partial

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
from web.api.documentation import RECORDED, body_of, command_extra, refusals
from web.api.routes import router


@router.post(
    "/payouts",
    auth=WriteKey(),
    tags=["payouts"],
    operation_id="request_payout",
    summary="Request a payout",
    response=RECORDED,
    openapi_extra=command_extra(body_of(PayoutRequested)),
)
def request_payout(request: HttpRequest) -> HttpResponse:
    """Set a user's money aside to be paid out. It may be sent after a 201.

    The caller chooses the payout's id, so that a retry refers to the same payout. A payout cannot exceed the
    user's available USD less what they owe in USD.
    """
    body = bodies.read_as(PayoutRequested, reading.read_json(request))
    submission_of = partial(payouts.request_payout, body, now=timezone.now())
    return submit(request, submission_of, f"/v1/payouts/{body.payout}")


@router.get(
    "/payouts/{uuid:payout}",
    auth=ReadKey(),
    tags=["payouts"],
    operation_id="get_payout",
    summary="Show a payout",
    response={200: shapes.Payout, **refusals(404, 422)},
)
def get_payout(request: HttpRequest, payout: Path[Uuid]) -> HttpResponse:
    """Return the payout and its state: requested, paid or failed."""
    found = find_payout(payout)
    if found is None or not caller_of(request).sees_balances_of(found.user):
        raise NotFound("there is no such payout")
    return rendering.json_response(rendering.payout(found))


@router.post(
    "/payouts/{uuid:payout}/paid",
    auth=WriteKey(),
    tags=["payouts"],
    operation_id="confirm_payout",
    summary="Confirm that a payout was paid",
    response=RECORDED,
    openapi_extra=command_extra(body_of(bodies.Paid)),
)
def confirm_payout(request: HttpRequest, payout: Path[Uuid]) -> HttpResponse:
    """Record that the money has left the ledger. A provider's payment reference can be used only once."""
    body = bodies.read_as(bodies.Paid, reading.read_json(request))
    message = PayoutPaid(payout=payout, **body.model_dump())
    return submit(
        request, partial(payouts.confirm_payout, message, now=timezone.now()), f"/v1/payouts/{payout}"
    )


@router.post(
    "/payouts/{uuid:payout}/failed",
    auth=WriteKey(),
    tags=["payouts"],
    operation_id="fail_payout",
    summary="Mark a payout as failed",
    response=RECORDED,
    openapi_extra=command_extra(body_of(bodies.Failed)),
)
def fail_payout(request: HttpRequest, payout: Path[Uuid]) -> HttpResponse:
    """Make the money available again because the payout was cancelled or cannot be paid."""
    body = bodies.read_as(bodies.Failed, reading.read_json(request))
    message = PayoutFailed(payout=payout, reason=body.reason)
    return submit(request, partial(payouts.fail_payout, message, now=timezone.now()), f"/v1/payouts/{payout}")


@router.post(
    "/chargebacks",
    auth=WriteKey(),
    tags=["chargebacks"],
    operation_id="charge_back",
    summary="Record a chargeback",
    response={**RECORDED, **refusals(404)},
    openapi_extra=command_extra(body_of(Chargeback)),
)
def charge_back(request: HttpRequest) -> HttpResponse:
    """Record that the payment provider has taken back money that a user paid in.

    The amount is taken from the user's available balance, never from held money; the rest becomes due. It
    cannot exceed what is left of the payment.
    """
    body = bodies.read_as(Chargeback, reading.read_json(request))
    return submit(request, partial(chargebacks.charge_back, body, now=timezone.now()))

"""The route that reverses operations."""

from functools import partial

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path

from easyautoml_ledger.ids import Uuid
from ledger.requests import bodies, by_people
from web.api import reading
from web.api.answering import submit
from web.api.auth import WriteKey
from web.api.documentation import RECORDED, body_of, command_extra
from web.api.routes import router


@router.post(
    "/operations/{uuid:operation}/reversals",
    auth=WriteKey(),
    tags=["operations"],
    operation_id="reverse_operation",
    summary="Reverse all or part of an operation",
    response=RECORDED,
    openapi_extra=command_extra(body_of(bodies.Reversal)),
)
def reverse_operation(request: HttpRequest, operation: Path[Uuid]) -> HttpResponse:
    """Reverse an operation, including its commission. Coupons are returned as coupons.

    Without an amount, all that is left of the operation is reversed; more than that is refused.
    """
    body = bodies.read_as(bodies.Reversal, reading.read_json(request))
    return submit(request, partial(by_people.reverse_operation, body, operation, now=timezone.now()))

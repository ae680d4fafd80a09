"""The route that reverses operations."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path

from easyautoml_ledger.ids import Uuid
from ledger.requests import bodies, by_people
from web.api import reading, shapes
from web.api.answering import submit
from web.api.auth import WriteKey
from web.api.documentation import body_of, command_extra, refusals
from web.api.routes import router

_REFUSED = (400, 409, 411, 413, 415, 422)
_DONE: Mapping[int, Any] = {201: shapes.Operation, 200: shapes.OperationOrQuote, **refusals(*_REFUSED)}


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
    return submit(request, partial(by_people.reverse_operation, body, operation, now=timezone.now()))

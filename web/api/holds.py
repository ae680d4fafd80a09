"""Routes for holds: place, show, capture, void."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path

from easyautoml_ledger.holds import HoldCaptured, HoldRequested, HoldVoided
from easyautoml_ledger.ids import Uuid
from ledger.domain.errors import NotFound
from ledger.queries.kept import find_hold
from ledger.requests import bodies, holds
from web.api import reading, rendering, shapes
from web.api.answering import submit
from web.api.auth import ReadKey, WriteKey, caller_of
from web.api.documentation import body_of, command_extra, refusals
from web.api.routes import router

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
        request, lambda **who: holds.place_hold(body, now=timezone.now(), **who), f"/v1/holds/{body.hold}"
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
    found = find_hold(hold, at=timezone.now())
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
        request, lambda **who: holds.capture_hold(message, now=timezone.now(), **who), f"/v1/holds/{hold}"
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
        request, lambda **who: holds.void_hold(message, now=timezone.now(), **who), f"/v1/holds/{hold}"
    )

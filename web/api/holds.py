"""Routes for holds: place, show, capture, void."""

from functools import partial

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
from web.api.documentation import RECORDED, body_of, command_extra, refusals
from web.api.routes import router


@router.post(
    "/holds",
    auth=WriteKey(),
    tags=["holds"],
    operation_id="place_hold",
    summary="Place a hold",
    response=RECORDED,
    openapi_extra=command_extra(body_of(HoldRequested)),
)
def place_hold(request: HttpRequest) -> HttpResponse:
    """Set tokens aside for work, which may start after a 201.

    The caller chooses the hold's id, so that a retry refers to the same hold.
    """
    body = bodies.read_as(HoldRequested, reading.read_json(request))
    return submit(request, partial(holds.place_hold, body, now=timezone.now()), f"/v1/holds/{body.hold}")


@router.get(
    "/holds/{uuid:hold}",
    auth=ReadKey(),
    tags=["holds"],
    operation_id="get_hold",
    summary="Show a hold",
    response={200: shapes.Hold, **refusals(404, 422)},
)
def get_hold(request: HttpRequest, hold: Path[Uuid]) -> HttpResponse:
    """Return the hold's state now, the amount that is still set aside and the amount that was captured."""
    found = find_hold(hold, at=timezone.now())
    if found is None or not caller_of(request).sees_balances_of(found.user):
        raise NotFound("there is no such hold")
    return rendering.json_response(rendering.hold(found))


@router.post(
    "/holds/{uuid:hold}/capture",
    auth=WriteKey(),
    tags=["holds"],
    operation_id="capture_hold",
    summary="Capture a hold",
    response=RECORDED,
    openapi_extra=command_extra(body_of(bodies.Capture)),
)
def capture_hold(request: HttpRequest, hold: Path[Uuid]) -> HttpResponse:
    """Pay for work from the hold.

    An amount within the hold is always paid. The rest is taken from the available balance, then becomes due.
    """
    body = bodies.read_as(bodies.Capture, reading.read_json(request))
    message = HoldCaptured(hold=hold, **body.model_dump())
    return submit(request, partial(holds.capture_hold, message, now=timezone.now()), f"/v1/holds/{hold}")


@router.post(
    "/holds/{uuid:hold}/void",
    auth=WriteKey(),
    tags=["holds"],
    operation_id="void_hold",
    summary="Void a hold",
    response=RECORDED,
    openapi_extra=command_extra(body_of(bodies.Void)),
)
def void_hold(request: HttpRequest, hold: Path[Uuid]) -> HttpResponse:
    """Release the rest of the hold because the work was not done."""
    body = bodies.read_as(bodies.Void, reading.read_json(request))
    message = HoldVoided(hold=hold, reason=body.reason)
    return submit(request, partial(holds.void_hold, message, now=timezone.now()), f"/v1/holds/{hold}")

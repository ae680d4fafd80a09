"""Routes for holds: place, show, capture, void."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path

from easyautoml_ledger.ids import Uuid
from ledger.domain.errors import NotFound
from ledger.queries.kept import find_hold
from web.api import rendering, shapes
from web.api.auth import ReadKey, caller_of
from web.api.documentation import refusals
from web.api.routes import router


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

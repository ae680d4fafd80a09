"""Routes for coupons: grant them, create and redeem codes, list a user's coupons."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path

from ledger.queries.balances import balances
from ledger.queries.kept import live_grants
from web.api import rendering, shapes
from web.api.auth import ReadKey, caller_of
from web.api.callers import no_such_user
from web.api.documentation import refusals
from web.api.parameters import Id
from web.api.routes import router


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

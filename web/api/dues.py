"""Routes for what users owe, and for their credit limits."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path

from ledger.queries import dues
from web.api import rendering, shapes
from web.api.auth import ReadKey, caller_of
from web.api.callers import no_such_user
from web.api.documentation import refusals
from web.api.parameters import Id
from web.api.routes import router


@router.get(
    "/users/{user}/dues",
    auth=ReadKey(),
    tags=["users"],
    operation_id="get_dues",
    summary="Show what a user owes",
    response={200: shapes.Dues, **refusals(404, 422)},
)
def get_dues(request: HttpRequest, user: Path[Id]) -> HttpResponse:
    """Return the amounts owed by age, and the credit limit. Payments reduce the oldest debt first."""
    caller_of(request).check_balances_of(user)
    found = dues.dues_of(user, at=timezone.now())
    if found is None:
        raise no_such_user()
    return rendering.json_response(rendering.dues(user, found))

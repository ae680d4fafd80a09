"""Routes for what users owe, and for their credit limits."""

from functools import partial

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path

from ledger.queries import dues
from ledger.requests import bodies, by_people
from web.api import reading, rendering, shapes
from web.api.answering import submit
from web.api.auth import AdminKey, ReadKey, caller_of
from web.api.callers import no_such_user
from web.api.documentation import PROPOSED, RECORDED, body_of, command_extra, refusals
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


@router.post(
    "/users/{user}/credit-limit",
    auth=AdminKey(),
    tags=["users"],
    operation_id="set_credit_limit",
    summary="Set a user's credit limit",
    response={**RECORDED, **PROPOSED},
    openapi_extra=command_extra(body_of(bodies.CreditLimit)),
)
def set_credit_limit(request: HttpRequest, user: Path[Id]) -> HttpResponse:
    """Set how much EAML the user may owe; null restores the tariff's limit."""
    body = bodies.read_as(bodies.CreditLimit, reading.read_json(request))
    return submit(request, partial(by_people.set_credit_limit, body, user, now=timezone.now()))

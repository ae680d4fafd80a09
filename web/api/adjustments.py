"""The route for adjustments. Amounts above the limit of the caller's role become proposals."""

from functools import partial

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from ledger.requests import bodies, by_people
from web.api import reading
from web.api.answering import submit
from web.api.auth import AdminKey, caller_of
from web.api.documentation import PROPOSED, RECORDED, body_of, command_extra
from web.api.routes import router


@router.post(
    "/adjustments",
    auth=AdminKey(),
    tags=["adjustments"],
    operation_id="adjust_balance",
    summary="Adjust a balance",
    response={**RECORDED, **PROPOSED},
    openapi_extra=command_extra(body_of(bodies.Adjustment)),
)
def adjust(request: HttpRequest) -> HttpResponse:
    """Move an account of a user up or down. An adjustment down on a due account writes off what they owe.

    201: done. 202: more than the key may adjust alone in a day; the `proposal` waits for a second person.
    """
    body = bodies.read_as(bodies.Adjustment, reading.read_json(request))
    role = caller_of(request).role
    return submit(request, partial(by_people.adjust_balance, body, role=role, now=timezone.now()))

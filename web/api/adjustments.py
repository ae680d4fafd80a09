"""The door of adjustments: what is above what a role adjusts alone becomes a proposal."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from ledger.requests import bodies, by_people
from web.api import reading, shapes
from web.api.answering import submit
from web.api.auth import AdminKey, caller_of
from web.api.documentation import body_of, command_extra, refusals
from web.api.routes import router

_DONE: Mapping[int, Any] = {
    201: shapes.Operation,
    200: shapes.OperationOrQuote,
    202: shapes.Operation,
    **refusals(400, 409, 411, 413, 415, 422),
}


@router.post(
    "/adjustments",
    auth=AdminKey(),
    tags=["adjustments"],
    operation_id="adjust",
    summary="Adjust a balance",
    response=_DONE,
    openapi_extra=command_extra(body_of(bodies.Adjustment)),
)
def adjust(request: HttpRequest) -> HttpResponse:
    """201 done; 202 where it is more than the key adjusts alone in a day: `proposal` waits for another.

    Down on a due account writes off what is owed.
    """
    body = bodies.read_as(bodies.Adjustment, reading.read_json(request))
    role = caller_of(request).role
    return submit(request, partial(by_people.adjust_balance, body, role=role, now=timezone.now()))

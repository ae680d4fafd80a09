"""The doors of consulting contracts: signed, then finished, split or cancelled. Each can be tried dry."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path

from ledger.domain.errors import NotFound
from ledger.queries.kept import find_contract
from ledger.requests import bodies, by_people
from web.api import reading, rendering, shapes
from web.api.answering import submit
from web.api.auth import ReadKey, WriteKey, caller_of
from web.api.documentation import body_of, command_extra, refusals
from web.api.parameters import Id
from web.api.routes import router

_DONE: Mapping[int, Any] = {
    201: shapes.Operation,
    200: shapes.OperationOrQuote,
    **refusals(400, 404, 409, 411, 413, 415, 422),
}
_EMPTY = bodies.Body()


@router.get(
    "/consulting/{request_id}",
    auth=ReadKey(),
    tags=["consulting"],
    operation_id="get_contract",
    summary="Show a consulting contract",
    response={200: shapes.Contract, **refusals(404, 422)},
)
def get_contract(request: HttpRequest, request_id: Path[Id]) -> HttpResponse:
    """What is still in escrow, and what became of it."""
    found, caller = find_contract(request_id), caller_of(request)
    if found is None or not any(map(caller.sees_balances_of, (found.client, found.consultant))):
        raise NotFound("there is no such contract")
    return rendering.json_response(rendering.contract(found))


@router.post(
    "/consulting/{request_id}/contract",
    auth=WriteKey(),
    tags=["consulting"],
    operation_id="sign_contract",
    summary="Sign a consulting contract",
    response=_DONE,
    openapi_extra=command_extra(None),
)
def sign_contract(request: HttpRequest, request_id: Path[Id]) -> HttpResponse:
    """The consultant has approved: the amount of the request goes from the client into escrow."""
    return _step(request, request_id, "contract", _EMPTY)


@router.post(
    "/consulting/{request_id}/finish",
    auth=WriteKey(),
    tags=["consulting"],
    operation_id="finish_contract",
    summary="Pay the consultant of a contract",
    response=_DONE,
    openapi_extra=command_extra(None),
)
def finish_contract(request: HttpRequest, request_id: Path[Id]) -> HttpResponse:
    """All that is in escrow, less the commission that was in force when it was signed."""
    return _step(request, request_id, "finish", _EMPTY)


@router.post(
    "/consulting/{request_id}/split",
    auth=WriteKey(),
    tags=["consulting"],
    operation_id="split_contract",
    summary="Pay the consultant of a contract a part, and return the rest",
    response=_DONE,
    openapi_extra=command_extra(body_of(bodies.Split)),
)
def split_contract(request: HttpRequest, request_id: Path[Id]) -> HttpResponse:
    """As both have agreed: the consultant gets `amount` less the commission."""
    return _step(request, request_id, "split", bodies.read_as(bodies.Split, reading.read_json(request)))


@router.post(
    "/consulting/{request_id}/cancel",
    auth=WriteKey(),
    tags=["consulting"],
    operation_id="cancel_contract",
    summary="Return the money of a contract",
    response=_DONE,
    openapi_extra=command_extra(None),
)
def cancel_contract(request: HttpRequest, request_id: Path[Id]) -> HttpResponse:
    """All that is in escrow goes back to the client."""
    return _step(request, request_id, "cancel", _EMPTY)


def _step(request: HttpRequest, contract: int, step: str, body: bodies.Body) -> HttpResponse:
    made = partial(by_people.take_contract_step, body, contract, step, now=timezone.now())
    return submit(request, made, f"/v1/consulting/{contract}")

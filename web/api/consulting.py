"""Routes for consulting contracts: sign, then finish, split or cancel."""

from functools import partial

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path

from ledger.domain.errors import NotFound
from ledger.queries.kept import find_contract
from ledger.requests import bodies, by_people
from web.api import reading, rendering, shapes
from web.api.answering import submit
from web.api.auth import ReadKey, WriteKey, caller_of
from web.api.documentation import RECORDED, body_of, command_extra, refusals
from web.api.parameters import Id
from web.api.routes import router

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
    """Return the state of the contract and the amount that is still in escrow."""
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
    response=RECORDED,
    openapi_extra=command_extra(None),
)
def sign_contract(request: HttpRequest, request_id: Path[Id]) -> HttpResponse:
    """Move the amount of the request from its client into escrow. The consultant must have approved it."""
    return _step(request, request_id, "contract", _EMPTY)


@router.post(
    "/consulting/{request_id}/finish",
    auth=WriteKey(),
    tags=["consulting"],
    operation_id="finish_contract",
    summary="Finish a contract and pay its consultant",
    response=RECORDED,
    openapi_extra=command_extra(None),
)
def finish_contract(request: HttpRequest, request_id: Path[Id]) -> HttpResponse:
    """Pay out the escrow, less the commission that was in force when the contract was signed."""
    return _step(request, request_id, "finish", _EMPTY)


@router.post(
    "/consulting/{request_id}/split",
    auth=WriteKey(),
    tags=["consulting"],
    operation_id="split_contract",
    summary="Split the money of a contract between consultant and client",
    response=RECORDED,
    openapi_extra=command_extra(body_of(bodies.Split)),
)
def split_contract(request: HttpRequest, request_id: Path[Id]) -> HttpResponse:
    """Pay `amount`, less the commission, to the consultant and return the rest to the client."""
    return _step(request, request_id, "split", bodies.read_as(bodies.Split, reading.read_json(request)))


@router.post(
    "/consulting/{request_id}/cancel",
    auth=WriteKey(),
    tags=["consulting"],
    operation_id="cancel_contract",
    summary="Cancel a contract and refund its client",
    response=RECORDED,
    openapi_extra=command_extra(None),
)
def cancel_contract(request: HttpRequest, request_id: Path[Id]) -> HttpResponse:
    """Return the escrow to the client."""
    return _step(request, request_id, "cancel", _EMPTY)


def _step(request: HttpRequest, contract: int, step: str, body: bodies.Body) -> HttpResponse:
    submission_of = partial(by_people.take_contract_step, body, contract, step, now=timezone.now())
    return submit(request, submission_of, f"/v1/consulting/{contract}")

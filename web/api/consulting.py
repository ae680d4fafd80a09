"""Routes for consulting contracts: sign, then finish, split or cancel."""

from django.http import HttpRequest, HttpResponse
from ninja import Path

from ledger.domain.errors import NotFound
from ledger.queries.kept import find_contract
from web.api import rendering, shapes
from web.api.auth import ReadKey, caller_of
from web.api.documentation import refusals
from web.api.parameters import Id
from web.api.routes import router


@router.get(
    "/consulting/{contract}",
    auth=ReadKey(),
    tags=["consulting"],
    operation_id="get_contract",
    summary="Show a consulting contract",
    response={200: shapes.Contract, **refusals(404, 422)},
)
def get_contract(request: HttpRequest, contract: Path[Id]) -> HttpResponse:
    """Return the state of the contract and the amount that is still in escrow."""
    found, caller = find_contract(contract), caller_of(request)
    if found is None or not any(map(caller.sees_balances_of, (found.client, found.consultant))):
        raise NotFound("there is no such contract")
    return rendering.json_response(rendering.contract(found))

"""Routes for payouts (requested, then paid or failed) and chargebacks."""

from django.http import HttpRequest, HttpResponse
from ninja import Path

from easyautoml_ledger.ids import Uuid
from ledger.domain.errors import NotFound
from ledger.queries.kept import find_payout
from web.api import rendering, shapes
from web.api.auth import ReadKey, caller_of
from web.api.documentation import refusals
from web.api.routes import router


@router.get(
    "/payouts/{uuid:payout}",
    auth=ReadKey(),
    tags=["payouts"],
    operation_id="get_payout",
    summary="Show a payout",
    response={200: shapes.Payout, **refusals(404, 422)},
)
def get_payout(request: HttpRequest, payout: Path[Uuid]) -> HttpResponse:
    """Return the payout and its state: requested, paid or failed."""
    found = find_payout(payout)
    if found is None or not caller_of(request).sees_balances_of(found.user):
        raise NotFound("there is no such payout")
    return rendering.json_response(rendering.payout(found))

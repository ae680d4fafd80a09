"""The routes that show operations: one with its entries, and pages of the recorded ones."""

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query

from easyautoml_ledger.ids import Uuid
from ledger.api import cursors, rendering, shapes
from ledger.api.auth import ReadKey, caller_of
from ledger.api.documentation import refusals
from ledger.api.parameters import OperationsQuery
from ledger.api.reading import refuse_unknown_parameters
from ledger.api.routes import router
from ledger.domain.errors import NotFound
from ledger.queries import operations


@router.get(
    "/operations",
    auth=ReadKey(),
    tags=["operations"],
    operation_id="list_operations",
    summary="List recorded operations",
    response={200: shapes.OperationPage, **refusals(400, 422)},
)
def list_operations(request: HttpRequest, asked: Query[OperationsQuery]) -> HttpResponse:
    """Newest first. Rejected operations are not listed; each can be fetched by its id."""
    refuse_unknown_parameters(request, OperationsQuery)
    caller, query = caller_of(request), asked.query(of="operations")
    before = None if asked.cursor is None else cursors.read(asked.cursor, query)[0]
    wanted = operations.Filter(**asked.model_dump(exclude={"cursor", "limit"}))
    found = operations.page(caller.operations(), wanted, before=before, limit=asked.limit + 1)
    shown = found[: asked.limit]
    more = len(found) > len(shown)
    return rendering.json_response(
        {
            "items": [rendering.operation(decided, caller.sees_balances_of) for decided in shown],
            "next": cursors.make([shown[-1].event.position], query) if more else None,
        },
    )


@router.get(
    "/operations/{uuid:operation}",
    auth=ReadKey(),
    tags=["operations"],
    operation_id="get_operation",
    summary="Show one operation",
    response={200: shapes.OperationWithEntries, **refusals(404, 422)},
)
def get_operation(request: HttpRequest, operation: Path[Uuid]) -> HttpResponse:
    """Recorded or rejected, with its entries."""
    caller = caller_of(request)
    decided = operations.find(operation)
    if decided is None or not caller.sees(decided):
        raise NotFound("there is no such operation")
    entries = [] if decided.effective_at is None else operations.entries(operation)
    sees = caller.sees_balances_of
    return rendering.json_response(
        {
            **rendering.operation(decided, sees),
            "entries": [rendering.entry(row, sees) for row in entries],
        },
    )

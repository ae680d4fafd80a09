"""Routes for operations: record one or many, quote, list and show them."""

from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query

from easyautoml_ledger.ids import Uuid
from events.identifiers import uuid7
from ledger.domain.errors import NotFound
from ledger.queries import operations
from ledger.requests.bulk import post_each
from ledger.requests.operations import operation_submission
from web.api import cursors, reading, rendering, shapes
from web.api.answering import answer, preview, sender_of
from web.api.auth import ReadKey, WriteKey, caller_of
from web.api.documentation import BULK_BODY, IDEMPOTENCY_KEY, LOCATION, OPERATION_BODY, REPLAYED, refusals
from web.api.parameters import OperationsQuery
from web.api.routes import router


@router.post(
    "/operations",
    auth=WriteKey(),
    tags=["operations"],
    operation_id="record_operation",
    summary="Record an operation",
    response={201: shapes.Operation, 200: shapes.Operation, **refusals(400, 409, 411, 413, 415, 422)},
    openapi_extra={
        "parameters": [IDEMPOTENCY_KEY],
        "requestBody": OPERATION_BODY,
        "responses": {
            201: {"headers": LOCATION},
            200: {"headers": LOCATION | REPLAYED},
            422: {"headers": LOCATION | REPLAYED},
        },
    },
)
def record_operation(request: HttpRequest) -> HttpResponse:
    """Record an operation once per key, however often it is sent. A replay gets the first answer again.

    201: recorded. 200: recorded before. 422: rejected, which is final, or the body is invalid. 409: conflict
    or, if `retryable`, the user or machine is not known yet.
    """
    key = reading.idempotency_key(request)
    operation = reading.read_operation(request)
    return answer(request, operation_submission(operation, sender_of(request, key)))


@router.post(
    "/operations/bulk",
    auth=WriteKey(),
    tags=["operations"],
    operation_id="record_operations",
    summary="Record up to 5,000 operations",
    response={200: shapes.BulkOutcomes, **refusals(400, 411, 413, 415, 422)},
    openapi_extra={"requestBody": BULK_BODY},
)
def record_operations(request: HttpRequest) -> HttpResponse:
    """Record each item independently, under its own id, which is its idempotency key."""
    items = reading.read_bulk(request)
    outcomes: list[Any] = [item.error for item in items]
    sender = sender_of(request, "")
    submissions = {
        index: operation_submission(item.operation, replace(sender, request_id=item.id))
        for index, item in enumerate(items)
        if item.id is not None and item.operation is not None
    }
    for index, outcome in zip(submissions, post_each(list(submissions.values())), strict=True):
        outcomes[index] = outcome
    answers = [
        rendering.bulk_outcome(item.id, outcome) for item, outcome in zip(items, outcomes, strict=True)
    ]
    return rendering.json_response({"outcomes": answers})


@router.post(
    "/operations/quote",
    auth=WriteKey(),
    tags=["operations"],
    operation_id="quote_operation",
    summary="Quote an operation",
    response={200: shapes.Quote, **refusals(400, 411, 413, 415, 422)},
    openapi_extra={"requestBody": OPERATION_BODY},
)
def quote_operation(request: HttpRequest) -> HttpResponse:
    """Return the price, the transfers and the balances after the operation, or why it would be rejected.

    Nothing is written.
    """
    operation = reading.read_operation(request)
    return preview(operation_submission(operation, sender_of(request, uuid7(), refuse_early=False)))


@router.get(
    "/operations",
    auth=ReadKey(),
    tags=["operations"],
    operation_id="list_operations",
    summary="List recorded operations",
    response={200: shapes.OperationPage, **refusals(400, 422)},
)
def list_operations(request: HttpRequest, asked: Query[OperationsQuery]) -> HttpResponse:
    """Return operations, newest first. Rejected ones are not listed, but can be fetched by id."""
    caller, query = caller_of(request), asked.query(of="operations")
    before = None if asked.cursor is None else cursors.read(asked.cursor, query)[0]
    filters = operations.Filter(**asked.model_dump(exclude={"cursor", "limit"}))
    found = operations.page(caller.operations(), filters, before=before, limit=asked.limit + 1)
    shown = found[: asked.limit]
    more = len(found) > len(shown)
    return rendering.json_response(
        {
            "items": [rendering.operation(each, caller.sees_balances_of) for each in shown],
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
    """Return a recorded operation with its entries, or a rejected one."""
    caller = caller_of(request)
    found = operations.find(operation)
    if found is None or not caller.sees(found):
        raise NotFound("there is no such operation")
    entries = [] if found.effective_at is None else operations.entries(operation)
    sees = caller.sees_balances_of
    return rendering.json_response(
        {
            **rendering.operation(found, sees),
            "entries": rendering.entries(entries, found.event.data["payer"], sees),
        },
    )

"""The routes that take operations: one, many, or only the question what one would cost."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from events.identifiers import uuid7
from ledger.api import reading, rendering, shapes
from ledger.api.answering import answer, preview
from ledger.api.auth import WriteKey, caller_of
from ledger.api.documentation import (
    BULK_BODY,
    IDEMPOTENCY_KEY,
    LOCATION,
    OPERATION_BODY,
    REPLAYED,
    refusals,
)
from ledger.api.routes import router
from ledger.operations.bulk import post_each
from ledger.operations.record import submission_of


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
    """Recorded once for its key, however often it is sent: a replay is answered as the first time.

    201 recorded, 200 recorded before; 422 rejected, for good, or not readable; 409 a conflict, or
    `retryable` where the user or machine is not known yet.
    """
    key = reading.idempotency_key(request)
    submission = submission_of(reading.read_operation(request), request_id=key, **_who(request))
    return answer(request, submission)


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
    """Each item is recorded by itself under its own id, which is its idempotency key."""
    items = reading.read_bulk(request)
    outcomes: list[Any] = [item.error for item in items]
    who = _who(request)
    submissions = {
        index: submission_of(item.operation, request_id=item.id, **who)
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
    summary="Ask what an operation would come to",
    response={200: shapes.Quote, **refusals(400, 411, 413, 415, 422)},
    openapi_extra={"requestBody": OPERATION_BODY},
)
def quote_operation(request: HttpRequest) -> HttpResponse:
    """The price, the transfers and the balances after it, or why it would be rejected. Writes nothing."""
    operation = reading.read_operation(request)
    return preview(submission_of(operation, request_id=uuid7(), **_who(request, refuse_early=False)))


def _who(request: HttpRequest, *, refuse_early: bool = True) -> dict[str, Any]:
    """What the submissions of one request share."""
    caller = caller_of(request)
    return {
        "source": caller.source,
        "now": timezone.now(),
        "actor": caller.actor,
        "refuse_early": refuse_early,
        **reading.trace_context(request),
    }

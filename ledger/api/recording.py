"""The routes that take operations: one, many, or only the question what one would cost."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from easyautoml_ledger.operations import OperationData
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
from ledger.commands import Submission
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
    submission = _submission(request, reading.read_operation(request), key)
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
    submissions: dict[int, Submission] = {}
    for index, item in enumerate(items):
        if item.id is None or item.operation is None:
            continue
        submissions[index] = _submission(request, item.operation, item.id)
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
    submission = _submission(request, reading.read_operation(request), uuid7(), refuse_early=False)
    return preview(submission)


def _submission(
    request: HttpRequest,
    operation: OperationData,
    key: str,
    *,
    refuse_early: bool = True,
) -> Submission:
    caller = caller_of(request)
    return submission_of(
        operation,
        source=caller.source,
        request_id=key,
        now=timezone.now(),
        actor=caller.actor,
        refuse_early=refuse_early,
        **reading.trace_context(request),
    )

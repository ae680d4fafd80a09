"""The doors of adjustments: proposed by one, approved by another above what one may do alone."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path

from easyautoml_ledger.ids import Uuid
from ledger.api import bodies, reading, rendering, shapes
from ledger.api.answering import submit_command
from ledger.api.auth import AdminKey, caller_of
from ledger.api.documentation import body_of, command_extra, refusals
from ledger.api.routes import router
from ledger.domain.adjustments import Adjust, ResolveProposal
from ledger.queries import proposals

_REFUSED = (400, 409, 411, 413, 415, 422)
_DONE: Mapping[int, Any] = {201: shapes.Operation, 200: shapes.OperationOrQuote, **refusals(*_REFUSED)}
_EMPTY = bodies.Body()


@router.post(
    "/adjustments",
    auth=AdminKey(),
    tags=["adjustments"],
    operation_id="adjust",
    summary="Adjust a balance",
    response={202: shapes.Operation, **_DONE},
    openapi_extra=command_extra(body_of(bodies.Adjustment)),
)
def adjust(request: HttpRequest) -> HttpResponse:
    """201 done; 202 where it is more than one person adjusts alone in a day: `proposal` waits for another.

    Down on a due account writes off what is owed.
    """
    body = bodies.read_as(bodies.Adjustment, reading.read_json(request))
    command = Adjust(
        user=body.operation_user,
        account=body.account,
        direction=body.direction,
        amount=body.amount,
        occurred_at=timezone.now(),
        actor=caller_of(request).actor,
        reason_code=body.reason_code,
        alone_max=settings.LEDGER_ADJUST_ALONE_MAX,
    )
    return submit_command(request, command, body, type="adjustment")


@router.get(
    "/adjustments/proposals",
    auth=AdminKey(),
    tags=["adjustments"],
    operation_id="list_proposals",
    summary="List the proposals that wait",
    response={200: shapes.Proposals, **refusals()},
)
def list_proposals(request: HttpRequest) -> HttpResponse:
    """Those that are open and not expired, the newest first, at most 200."""
    del request
    now = timezone.now()
    items = [rendering.proposal(found, now) for found in proposals.waiting(at=now)]
    return rendering.json_response({"items": items})


@router.post(
    "/adjustments/proposals/{uuid:proposal}/approve",
    auth=AdminKey(),
    tags=["adjustments"],
    operation_id="approve_proposal",
    summary="Approve a proposal",
    response={**_DONE, **refusals(404, *_REFUSED)},
    openapi_extra=command_extra(None),
)
def approve_proposal(request: HttpRequest, proposal: Path[Uuid]) -> HttpResponse:
    """Does what was proposed. Nobody approves what he proposed himself."""
    return _resolve(request, proposal, _EMPTY, approve=True)


@router.post(
    "/adjustments/proposals/{uuid:proposal}/decline",
    auth=AdminKey(),
    tags=["adjustments"],
    operation_id="decline_proposal",
    summary="Decline a proposal",
    response={**_DONE, **refusals(404, *_REFUSED)},
    openapi_extra=command_extra(body_of(bodies.Decline)),
)
def decline_proposal(request: HttpRequest, proposal: Path[Uuid]) -> HttpResponse:
    """Nothing is adjusted; who declined it and why is kept."""
    body = bodies.read_as(bodies.Decline, reading.read_json(request))
    return _resolve(request, proposal, body, approve=False)


def _resolve(request: HttpRequest, proposal: Uuid, body: bodies.Body, *, approve: bool) -> HttpResponse:
    command = ResolveProposal(
        proposal=str(proposal),
        approve=approve,
        actor=caller_of(request).actor,
        occurred_at=timezone.now(),
    )
    verdict = "approve" if approve else "decline"
    return submit_command(request, command, body, type="adjustment", proposal=str(proposal), verdict=verdict)

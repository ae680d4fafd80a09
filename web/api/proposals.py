"""The doors of what waits for a second person: the same for every subject that is proposed."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path

from easyautoml_ledger.ids import Uuid
from ledger.domain.proposals import Subject
from ledger.queries import proposals
from ledger.requests import bodies, by_people
from web.api import reading, rendering, shapes
from web.api.answering import submit
from web.api.auth import AdminKey, caller_of
from web.api.documentation import body_of, command_extra, refusals
from web.api.routes import router

_DONE: Final[Mapping[int, Any]] = {
    201: shapes.Operation,
    200: shapes.OperationOrQuote,
    **refusals(400, 404, 409, 411, 413, 415, 422),
}
_EMPTY: Final = bodies.Body()


def add_doors(subject: Subject, plural: str) -> None:
    """Serve the proposals about a subject under `/v1/{plural}/proposals`."""
    path, tags = f"/{plural}/proposals", [plural]

    @router.get(
        path,
        auth=AdminKey(),
        tags=tags,
        operation_id=f"list_{subject}_proposals",
        summary=f"List the proposals about {plural} that wait",
        response={200: shapes.Proposals, **refusals()},
    )
    def list_proposals(request: HttpRequest) -> HttpResponse:
        """Those that are open and not expired, the newest first, at most 200."""
        del request
        now = timezone.now()
        items = [rendering.proposal(each, now) for each in proposals.waiting(at=now, subjects=[subject])]
        return rendering.json_response({"items": items})

    @router.post(
        f"{path}/{{uuid:proposal}}/approve",
        auth=AdminKey(),
        tags=tags,
        operation_id=f"approve_{subject}",
        summary=f"Approve a proposal about {plural}",
        response=_DONE,
        openapi_extra=command_extra(None),
    )
    def approve(request: HttpRequest, proposal: Path[Uuid]) -> HttpResponse:
        """Does what was proposed. Nobody approves what he proposed himself."""
        return _resolve(request, subject, proposal, _EMPTY, approve=True)

    @router.post(
        f"{path}/{{uuid:proposal}}/decline",
        auth=AdminKey(),
        tags=tags,
        operation_id=f"decline_{subject}",
        summary=f"Decline a proposal about {plural}",
        response=_DONE,
        openapi_extra=command_extra(body_of(bodies.Decline)),
    )
    def decline(request: HttpRequest, proposal: Path[Uuid]) -> HttpResponse:
        """Nothing of it is done; who declined it and why is kept."""
        body = bodies.read_as(bodies.Decline, reading.read_json(request))
        return _resolve(request, subject, proposal, body, approve=False)


def _resolve(
    request: HttpRequest, subject: Subject, proposal: Uuid, body: bodies.Body, *, approve: bool
) -> HttpResponse:
    made = partial(
        by_people.resolve_proposal,
        body,
        proposal,
        subject,
        approve=approve,
        role=caller_of(request).role,
        now=timezone.now(),
    )
    return submit(request, made)


add_doors("adjustment", "adjustments")

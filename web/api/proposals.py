"""Routes for proposals, which wait for a second person. They are the same for every subject."""

from functools import partial
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path

from easyautoml_ledger.ids import Uuid
from ledger.domain.proposals import Subject
from ledger.queries import proposals
from ledger.requests import bodies, by_people
from web.api import reading, rendering, shapes
from web.api.answering import submit
from web.api.auth import ApproveKey, ResolveKey, caller_of
from web.api.documentation import RECORDED, body_of, command_extra, refusals
from web.api.routes import router

_EMPTY: Final = bodies.Body()


def add_proposal_routes(subject: Subject, plural: str) -> None:
    """Serve the proposals about a subject under `/v1/{plural}/proposals`."""
    path, tags = f"/{plural}/proposals", [plural]

    @router.get(
        path,
        auth=ResolveKey(),
        tags=tags,
        operation_id=f"list_{subject}_proposals",
        summary=f"List open proposals about {plural}",
        response={200: shapes.Proposals, **refusals()},
    )
    def list_proposals(request: HttpRequest) -> HttpResponse:
        """Return at most 200 proposals that are open and not expired, newest first."""
        del request
        now = timezone.now()
        items = [
            rendering.proposal(each, now) for each in proposals.open_proposals(at=now, subjects=[subject])
        ]
        return rendering.json_response({"items": items})

    @router.post(
        f"{path}/{{uuid:proposal}}/approve",
        auth=ApproveKey(),
        tags=tags,
        operation_id=f"approve_{subject}",
        summary=f"Approve a proposal about {plural}",
        response=RECORDED,
        openapi_extra=command_extra(None),
    )
    def approve(request: HttpRequest, proposal: Path[Uuid]) -> HttpResponse:
        """Carry out the proposal. Its proposer never approves it."""
        return _resolve(request, subject, proposal, _EMPTY, approve=True)

    @router.post(
        f"{path}/{{uuid:proposal}}/decline",
        auth=ResolveKey(),
        tags=tags,
        operation_id=f"decline_{subject}",
        summary=f"Decline a proposal about {plural}",
        response=RECORDED,
        openapi_extra=command_extra(body_of(bodies.Decline)),
    )
    def decline(request: HttpRequest, proposal: Path[Uuid]) -> HttpResponse:
        """Close the proposal without carrying it out. The actor and the reason are kept."""
        body = bodies.read_as(bodies.Decline, reading.read_json(request))
        return _resolve(request, subject, proposal, body, approve=False)


def _resolve(
    request: HttpRequest, subject: Subject, proposal: Uuid, body: bodies.Body, *, approve: bool
) -> HttpResponse:
    submission_of = partial(
        by_people.resolve_proposal,
        body,
        proposal,
        subject,
        approve=approve,
        role=caller_of(request).role,
        now=timezone.now(),
    )
    return submit(request, submission_of)


add_proposal_routes("adjustment", "adjustments")
add_proposal_routes("command", "commands")

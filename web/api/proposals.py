"""Routes for proposals, which wait for a second person. They are the same for every subject."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from ledger.domain.proposals import Subject
from ledger.queries import proposals
from ledger.requests.proposals import PLURALS
from web.api import rendering, shapes
from web.api.auth import ResolveKey
from web.api.documentation import refusals
from web.api.routes import router


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


for _subject, _plural in PLURALS.items():
    add_proposal_routes(_subject, _plural)

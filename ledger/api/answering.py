"""One command from a request to its answer, the same for every door."""

from django.http import HttpRequest, HttpResponse

from ledger.api import errors, rendering
from ledger.api.combiner import Combiner
from ledger.api.problems import respond
from ledger.commands import Submission
from ledger.posting import post, quote
from ledger.queries.operations import Decided

_post = Combiner(post)


def is_dry_run(request: HttpRequest) -> bool:
    """Whether `?dry_run=true` was asked. Raises `UnknownParameter` for every other parameter."""
    for name, value in request.GET.items():
        if name != "dry_run" or value not in {"true", "false"}:
            raise errors.UnknownParameter("send dry_run=true, dry_run=false or nothing", field=name)
    return request.GET.get("dry_run") == "true"


def answer(request: HttpRequest, submission: Submission, *, location: str | None = None) -> HttpResponse:
    """Post it and answer: 201 done, 200 done before, else a problem document.

    `location` is where the thing can be fetched; without it, the operation.
    """
    outcome = _post(submission)
    event = outcome.event
    if outcome.status == "recorded" and event is not None:
        content = rendering.operation(Decided(event, event.occurred_at))
        response = rendering.json_response(content, 200 if outcome.replayed else 201)
    else:
        response = respond(request, rendering.problem_of(outcome))
    if event is not None:
        response["Location"] = location or f"/v1/operations/{event.id}"
    if outcome.replayed:
        response["Idempotency-Replayed"] = "true"
    return response


def preview(submission: Submission) -> HttpResponse:
    """What `answer` would come to now, with nothing written."""
    return rendering.json_response(rendering.quote(quote(submission)))

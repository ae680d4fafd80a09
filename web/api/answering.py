"""One command from a request to its answer, the same for every door."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from events.identifiers import uuid7
from events.message import StoredEvent
from ledger.domain.decide import REJECTION_TYPES
from ledger.engine.posting import post, quote
from ledger.engine.submission import Submission
from ledger.queries.operations import FoundOperation, is_operation
from web.api import errors, reading, rendering
from web.api.auth import caller_of
from web.api.combiner import Combiner
from web.api.problems import respond

_post = Combiner(post)


def is_dry_run(request: HttpRequest) -> bool:
    """Whether `?dry_run=true` was asked. Raises `UnknownParameter` for every other parameter."""
    for name, value in request.GET.items():
        if name != "dry_run" or value not in {"true", "false"}:
            raise errors.UnknownParameter("send dry_run=true, dry_run=false or nothing", field=name)
    return request.GET.get("dry_run") == "true"


def answer(request: HttpRequest, submission: Submission, *, location: str | None = None) -> HttpResponse:
    """Post it and answer: 201 done, 202 waits for a second person, 200 answered before, else a problem.

    `location` is where the thing can be fetched; without it, the operation if it became one.
    """
    outcome = _post(submission)
    event = outcome.event
    if outcome.status == "recorded" and event is not None:
        content = rendering.operation(FoundOperation.recorded(event))
        done = 202 if event.type == "proposal.made" else 201
        response = rendering.json_response(content, 200 if outcome.replayed else done)
    else:
        response = respond(request, rendering.problem_of(outcome))
    if event is not None and (where := _location(event, location)):
        response["Location"] = where
    if outcome.replayed:
        response["Idempotency-Replayed"] = "true"
    return response


def preview(submission: Submission) -> HttpResponse:
    """What `answer` would come to now, with nothing written. Raises what no key is needed to refuse."""
    outcome = quote(submission)
    if outcome.status == "refused" and outcome.error is not None:
        raise outcome.error
    return rendering.json_response(rendering.quote(outcome))


def submit(
    request: HttpRequest, made: Callable[..., Submission], location: str | None = None
) -> HttpResponse:
    """Submit what `made` makes of who asks, under the request's key; or only try it, dry."""
    caller, dry = caller_of(request), is_dry_run(request)
    # A dry run needs no key, and looks at one that is sent without using it.
    unused = dry and "Idempotency-Key" not in request.headers
    key = "" if unused else reading.idempotency_key(request)
    submission = made(
        source=caller.source,
        request_id=uuid7() if dry else key,
        actor=caller.actor,
        refuse_early=not dry,
        **reading.trace_context(request),
    )
    return preview(submission) if dry else answer(request, submission, location=location)


def _location(event: StoredEvent, location: str | None) -> str | None:
    if event.type in REJECTION_TYPES:
        location = None  # there may be no such hold or payout
    return location or (f"/v1/operations/{event.id}" if is_operation(event) else None)

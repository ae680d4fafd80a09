"""One command from its request to its answer, the same for every route."""

from collections.abc import Callable, Sequence

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from easyautoml_ledger.errors import ContractError
from events.identifiers import uuid7
from events.message import StoredEvent
from ledger.domain.decide import REJECTION_TYPES
from ledger.engine.posting import post, quote
from ledger.engine.submission import Outcome, Sender, Submission
from ledger.queries.operations import FoundOperation, is_operation
from web.api import reading, rendering
from web.api.auth import caller_of
from web.api.combiner import Combiner
from web.api.problems import respond


def _post_shared(submissions: Sequence[Submission]) -> list[Outcome]:
    return post(submissions, lock_timeout_ms=settings.ENVIRONMENT.lock_timeout_shared_ms)


_post = Combiner(_post_shared, post_alone=post)


def is_dry_run(request: HttpRequest) -> bool:
    """Return true for `?dry_run=true`. Raises `ContractError` if it is neither true nor false."""
    sent = request.GET.get("dry_run", "false")
    if sent not in {"true", "false"}:
        raise ContractError("unknown_value", "must be true or false", "dry_run")
    return sent == "true"


def answer(request: HttpRequest, submission: Submission, *, location: str | None = None) -> HttpResponse:
    """Post a command and answer: 201 done, 202 proposed to a second person, 200 replayed, else a problem.

    `location` is the URL of the resource that it is about. Without it, `Location` is the operation, if any.
    """
    outcome = _post(submission)
    event = outcome.event
    if outcome.status == "recorded" and event is not None:
        content = rendering.operation(FoundOperation.recorded(event))
        created = 202 if event.type == "proposal.made" else 201
        response = rendering.json_response(content, 200 if outcome.replayed else created)
    else:
        response = respond(request, rendering.problem_of(outcome))
    if event is not None and (where := _location(event, location)):
        response["Location"] = where
    if outcome.replayed:
        response["Idempotency-Replayed"] = "true"
    return response


def preview(submission: Submission) -> HttpResponse:
    """Answer what a command would do now, without writing anything. Raises the error of a refused command."""
    outcome = quote(submission)
    if outcome.status == "refused" and outcome.error is not None:
        raise outcome.error
    return rendering.json_response(rendering.quote(outcome))


def submit(
    request: HttpRequest, submission_by: Callable[[Sender], Submission], location: str | None = None
) -> HttpResponse:
    """Post the command under the request's idempotency key, or preview it if `dry_run` is true.

    `submission_by` makes the submission for its sender.
    """
    dry = is_dry_run(request)
    # A dry run needs no key. One that is sent is checked and not used.
    keyless = dry and "Idempotency-Key" not in request.headers
    key = "" if keyless else reading.idempotency_key(request)
    submission = submission_by(sender_of(request, uuid7() if dry else key, refuse_early=not dry))
    return preview(submission) if dry else answer(request, submission, location=location)


def sender_of(request: HttpRequest, request_id: str, *, refuse_early: bool = True) -> Sender:
    """Return the sender of a request's command under this idempotency key."""
    caller = caller_of(request)
    return Sender(
        source=caller.source,
        request_id=request_id,
        received_at=timezone.now(),
        actor=caller.actor,
        principal=caller.principal,
        also=caller.via,
        correlation_id=reading.correlation_id(request),
        traceparent=reading.traceparent(request),
        refuse_early=refuse_early,
    )


def _location(event: StoredEvent, location: str | None) -> str | None:
    if event.type in REJECTION_TYPES:
        location = None  # the hold or payout may not exist
    return location or (f"/v1/operations/{event.id}" if is_operation(event) else None)

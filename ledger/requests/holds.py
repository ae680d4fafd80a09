"""Builds the submissions of holds that came over Kafka, HTTP or the administration."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from easyautoml_ledger.holds import HoldCaptured, HoldRequested, HoldVoided
from ledger.domain.holding import CaptureHold, PlaceHold, VoidHold
from ledger.domain.operations import Kind, RecordOperation
from ledger.engine.submission import Submission
from ledger.requests.operations import out_of_bounds


def place_hold(
    request: HoldRequested, *, now: datetime, sent_at: datetime | None = None, **who: Any
) -> Submission:
    """Return the submission that places a hold. `who` are the other fields of `Submission`."""
    occurred_at = request.occurred_at or sent_at or now
    estimate = RecordOperation(
        kind=Kind(request.kind),
        operation_user=request.operation_user,
        occurred_at=occurred_at,
        machine=request.machine,
        count_of_lines=request.count_of_lines,
        count_of_training_epoch=request.count_of_training_epoch,
        unit_price=request.unit_price,
    )
    command = PlaceHold(hold=str(request.hold), estimate=estimate, expires_at=request.expires_at)
    return _submission("hold.requested", request, command, now, **who)


def capture_hold(
    request: HoldCaptured, *, now: datetime, sent_at: datetime | None = None, **who: Any
) -> Submission:
    """Return the submission that pays for work from a hold."""
    command = CaptureHold(
        hold=str(request.hold),
        count_of_lines=request.count_of_lines,
        count_of_training_epoch=request.count_of_training_epoch,
        final=request.final,
        occurred_at=request.occurred_at or sent_at or now,
    )
    return _submission("hold.captured", request, command, now, **who)


def void_hold(
    request: HoldVoided, *, now: datetime, sent_at: datetime | None = None, **who: Any
) -> Submission:
    """Return the submission that releases a hold."""
    command = VoidHold(hold=str(request.hold), occurred_at=request.occurred_at or sent_at or now)
    return _submission("hold.voided", request, command, now, notes={"reason": request.reason}, **who)


def _submission(
    type_: str, request: BaseModel, command: PlaceHold | CaptureHold | VoidHold, now: datetime, **who: Any
) -> Submission:
    sent = {"type": type_, **request.model_dump(mode="json", exclude_defaults=True, exclude={"reason"})}
    return Submission(
        command=command, sent=sent, out_of_bounds=out_of_bounds(command.occurred_at, now), **who
    )

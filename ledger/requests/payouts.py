"""Builds the submissions of payouts that came over Kafka, HTTP or the administration."""

from datetime import datetime
from typing import Any

from easyautoml_ledger.payouts import PayoutFailed, PayoutMessage, PayoutPaid, PayoutRequested
from ledger.domain.operations import Kind
from ledger.domain.paying_out import ConfirmPayout, FailPayout, RequestPayout
from ledger.domain.payment_references import payment_name
from ledger.engine.payment_references import NOTE
from ledger.engine.submission import Submission
from ledger.requests.operations import out_of_bounds


def request_payout(
    request: PayoutRequested, *, now: datetime, sent_at: datetime | None = None, **who: Any
) -> Submission:
    """Return the submission that holds a payout's amount. `who` are the other fields of `Submission`."""
    command = RequestPayout(
        payout=str(request.payout),
        user=request.operation_user,
        amount=request.amount,
        occurred_at=request.occurred_at or sent_at or now,
    )
    return _submission("payout.requested", request, command, now, **who)


def confirm_payout(
    request: PayoutPaid, *, now: datetime, sent_at: datetime | None = None, **who: Any
) -> Submission:
    """Return the submission that records the payment to the user."""
    reference = request.payment_reference
    command = ConfirmPayout(
        payout=str(request.payout),
        occurred_at=request.occurred_at or sent_at or now,
        payment=None if reference is None else payment_name(Kind.PAYOUT, request.payment_provider, reference),
    )
    notes = {} if reference is None else {NOTE: reference}
    return _submission("payout.paid", request, command, now, notes=notes, **who)


def fail_payout(
    request: PayoutFailed, *, now: datetime, sent_at: datetime | None = None, **who: Any
) -> Submission:
    """Return the submission that makes the money available again."""
    command = FailPayout(payout=str(request.payout), occurred_at=request.occurred_at or sent_at or now)
    return _submission("payout.failed", request, command, now, notes={"reason": request.reason}, **who)


def _submission(
    type_: str,
    request: PayoutMessage,
    command: RequestPayout | ConfirmPayout | FailPayout,
    now: datetime,
    **who: Any,
) -> Submission:
    sent = request.model_dump(mode="json", exclude_defaults=True, exclude={"reason", NOTE})
    return Submission(
        command=command,
        sent={"type": type_, **sent},
        out_of_bounds=out_of_bounds(command.occurred_at, now),
        **who,
    )

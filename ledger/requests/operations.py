"""Builds the submission of an operation that a service sent."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings

from easyautoml_ledger.operations import OperationData
from ledger.domain.errors import Invalid
from ledger.domain.operations import Kind, RecordOperation
from ledger.domain.payment_references import payment_name
from ledger.engine.payment_references import NOTE
from ledger.engine.submission import Submission


def submission_of(
    operation: OperationData,
    *,
    source: str,
    request_id: str,
    now: datetime,
    sent_at: datetime | None = None,
    **who: Any,
) -> Submission:
    """Return the submission of an operation from a message or a request.

    A missing `occurred_at` defaults to `sent_at`, and that to `now`. `who` are the other fields of
    `Submission`.
    """
    occurred_at = operation.occurred_at or sent_at or now
    fields: dict[str, Any] = operation.__dict__
    sent = operation.model_dump(mode="json", exclude_defaults=True)
    sent["type"] = operation.type
    reference: str | None = sent.pop(NOTE, None)
    amount: Decimal | None = fields.get("amount")
    hold: UUID | None = fields.get("hold")
    command = RecordOperation(
        kind=Kind(operation.type),
        operation_user=operation.operation_user,
        occurred_at=occurred_at,
        machine=fields.get("machine"),
        count_of_lines=fields.get("count_of_lines"),
        count_of_training_epoch=fields.get("count_of_training_epoch"),
        amount=amount,
        unit_price=fields.get("unit_price"),
        hold=hold,
        payment=None
        if reference is None
        else payment_name(operation.type, fields["payment_provider"], reference),
    )
    return Submission(
        source=source,
        request_id=request_id,
        command=command,
        sent=sent,
        notes={} if reference is None else {NOTE: reference},
        out_of_bounds=out_of_bounds(occurred_at, now),
        **who,
    )


def out_of_bounds(occurred_at: datetime, now: datetime) -> Invalid | None:
    """Return the error of a time outside the bounds of the settings, else None.

    It is returned rather than raised, because a late retry of a recorded operation still gets its answer.
    """
    if occurred_at > now + settings.LEDGER_OCCURRED_AHEAD:
        return Invalid("occurred_at is too far ahead of the ledger's clock", field="occurred_at")
    if occurred_at < now - settings.LEDGER_OCCURRED_BACK:
        return Invalid("occurred_at is too long ago", field="occurred_at")
    return None

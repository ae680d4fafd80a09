"""Builds the submission of a chargeback that came over Kafka, HTTP or the administration."""

from datetime import datetime
from typing import Any

from easyautoml_ledger.chargebacks import Chargeback
from ledger.domain.operations import Kind
from ledger.domain.payment_references import payment_name
from ledger.domain.reversal_commands import ChargeBack
from ledger.engine.payment_references import NOTE
from ledger.engine.submission import Submission
from ledger.requests.operations import out_of_bounds


def charge_back(
    request: Chargeback, *, now: datetime, sent_at: datetime | None = None, **who: Any
) -> Submission:
    """Return the submission that takes back money paid in. `who` are the other fields of `Submission`."""
    reference = request.payment_reference
    command = ChargeBack(
        operation=None if request.operation is None else str(request.operation),
        payment=None
        if reference is None
        else payment_name(Kind.CREDIT_FROM_USER, request.payment_provider, reference),
        amount=request.amount,
        occurred_at=request.occurred_at or sent_at or now,
    )
    notes = {NOTE: reference, "reason": request.reason}
    return Submission(
        command=command,
        sent={
            "type": Kind.CHARGEBACK.value,
            **request.model_dump(mode="json", exclude_defaults=True, exclude=set(notes)),
        },
        notes={name: text for name, text in notes.items() if text is not None},
        out_of_bounds=out_of_bounds(command.occurred_at, now),
        **who,
    )

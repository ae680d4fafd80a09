"""The requests of the nine operations, and of their reversal."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.conf import settings

from easyautoml_ledger.ids import Uuid
from easyautoml_ledger.money import PositiveAmount
from easyautoml_ledger.operations import MODEL_OF_KIND, Operation, OperationData
from easyautoml_ledger.text import Reason
from ledger.domain.operations import Kind, RecordOperation
from ledger.domain.payment_references import payment_name
from ledger.domain.reversal_commands import Reverse
from ledger.engine.payment_references import NOTE
from ledger.engine.submission import Sender, Submission
from ledger.requests.body import Body
from ledger.requests.request import Page, Request, Route, Shown, submission_of


def _record(operation: Operation, _: Sender, at: datetime) -> RecordOperation:
    fields: dict[str, Any] = operation.__dict__
    reference: str | None = fields.get(NOTE)
    return RecordOperation(
        kind=Kind(operation.type),
        operation_user=operation.operation_user,
        occurred_at=at,
        machine=fields.get("machine"),
        count_of_lines=fields.get("count_of_lines"),
        count_of_training_epoch=fields.get("count_of_training_epoch"),
        amount=fields.get("amount"),
        unit_price=fields.get("unit_price"),
        hold=fields.get("hold"),
        payment=None
        if reference is None
        else payment_name(operation.type, fields["payment_provider"], reference),
    )


OPERATIONS: Final[Mapping[str, Request[Any]]] = {
    kind: Request(tag=kind, message=message, command=_record, erasable=(NOTE,))
    for kind, message in MODEL_OF_KIND.items()
}
"""The request of each kind. All have one message type and one route, which are declared by hand."""


def operation_submission(
    operation: OperationData, sender: Sender, *, out_of_time: bool = False
) -> Submission:
    """Return the submission of an operation from a message or a request."""
    return submission_of(OPERATIONS[operation.type], operation, sender, out_of_time=out_of_time)


class Reversal(Body):
    """Take back `amount`, in the currency the payer paid with, or everything left when it is omitted."""

    operation: Uuid
    amount: PositiveAmount | None = None
    reason: Reason


REVERSE: Final = Request(
    tag="reversal",
    message=Reversal,
    command=lambda message, _, at: Reverse(
        operation=str(message.operation),
        amount=message.amount,
        occurred_at=at,
        spent_by_payee=settings.LEDGER_SPENT_BY_PAYEE,
    ),
    erasable=("reason",),
    routes=(
        Route(
            path="/operations/{operation}/reversals",
            operation_id="reverse_operation",
            summary="Reverse all or part of an operation",
            description="""\
Reverse an operation, including its commission. Coupons are returned as coupons.

Without an amount, all that is left of the operation is reversed; more than that is refused.""",
        ),
    ),
    page=Page(
        name="reverse-operation",
        title="Reverse an operation",
        permission="models.add_operation",
        description="Reverse all or part of an operation, including the commission. Coupons are given back "
        "as coupons.",
        shown={
            "operation": Shown(help="ID of the operation."),
            "amount": Shown(
                help="In the currency that the payer paid in. Leave empty to reverse all that is left."
            ),
        },
    ),
)

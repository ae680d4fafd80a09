"""The request of chargebacks."""

from datetime import datetime
from typing import Final

from easyautoml_ledger.chargebacks import Chargeback
from ledger.domain.operations import Kind
from ledger.domain.payment_references import payment_name
from ledger.domain.reversal_commands import ChargeBack
from ledger.engine.payment_references import NOTE
from ledger.engine.submission import Sender
from ledger.requests.request import Page, Request, Route, Shown


def _charge_back(message: Chargeback, _: Sender, at: datetime) -> ChargeBack:
    reference = message.payment_reference
    return ChargeBack(
        operation=None if message.operation is None else str(message.operation),
        payment=None
        if reference is None
        else payment_name(Kind.CREDIT_FROM_USER, message.payment_provider, reference),
        amount=message.amount,
        occurred_at=at,
    )


CHARGE_BACK: Final = Request(
    tag="chargeback",
    message=Chargeback,
    command=_charge_back,
    erasable=(NOTE, "reason"),
    routes=(
        Route(
            path="/chargebacks",
            operation_id="charge_back",
            summary="Record a chargeback",
            description="""\
Record that the payment provider has taken back money that a user paid in.

The amount is taken from the user's available balance, never from held money; the rest becomes due. It
cannot exceed what is left of the payment.""",
            refusals=(404,),
        ),
    ),
    page=Page(
        name="charge-back",
        title="Charge back a payment",
        permission="models.add_operation",
        description="Take back money that was paid in, because the payment provider has taken it back. The "
        "part that the user has spent becomes due.\n\n"
        "Identify the payment by its operation or by the provider's reference.",
        currency="USD",
        shown={
            "operation": Shown(help="ID of the operation that recorded the payment."),
            "payment_reference": Shown(help="The provider's reference of the payment."),
            "amount": Shown(help="Leave empty to charge back all that is left."),
        },
    ),
)

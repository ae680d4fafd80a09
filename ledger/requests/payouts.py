"""The requests of payouts: request one, confirm that it was paid, report that it failed."""

from datetime import datetime
from typing import Final

from easyautoml_ledger.payouts import PayoutFailed, PayoutPaid, PayoutRequested
from ledger.domain.operations import Kind
from ledger.domain.paying_out import ConfirmPayout, FailPayout, RequestPayout
from ledger.domain.payment_references import payment_name
from ledger.engine.payment_references import NOTE
from ledger.engine.submission import Sender
from ledger.requests.request import Page, Request, Route, Shown

_WHERE: Final = "/v1/payouts/{payout}"
_PAYOUT: Final = Shown(help="ID of the payout.")


def _confirm(message: PayoutPaid, _: Sender, at: datetime) -> ConfirmPayout:
    reference = message.payment_reference
    return ConfirmPayout(
        payout=str(message.payout),
        occurred_at=at,
        payment=None if reference is None else payment_name(Kind.PAYOUT, message.payment_provider, reference),
    )


REQUEST_PAYOUT: Final = Request(
    tag="payout.requested",
    message=PayoutRequested,
    command=lambda message, _, at: RequestPayout(
        payout=str(message.payout), user=message.operation_user, amount=message.amount, occurred_at=at
    ),
    routes=(
        Route(
            path="/payouts",
            operation_id="request_payout",
            summary="Request a payout",
            description="""\
Set a user's money aside to be paid out. It may be sent after a 201.

The caller chooses the payout's id, so that a retry refers to the same payout. A payout cannot exceed the
user's available USD less what they owe in USD.""",
            location=_WHERE,
        ),
    ),
    page=Page(
        name="request-payout",
        title="Request a payout",
        permission="ledger.add_requestedpayout",
        description="Hold money of a user to be paid out to them.\n\n"
        "A user is paid at most their available balance less what they owe.",
        currency="USD",
        is_key="payout",
    ),
)

CONFIRM_PAYOUT: Final = Request(
    tag="payout.paid",
    message=PayoutPaid,
    command=_confirm,
    erasable=(NOTE,),
    routes=(
        Route(
            path="/payouts/{payout}/paid",
            operation_id="confirm_payout",
            summary="Confirm that a payout was paid",
            description="Record that the money has left the ledger. A provider's payment reference can be "
            "used only once.",
            location=_WHERE,
        ),
    ),
    page=Page(
        name="confirm-payout",
        title="Mark a payout as paid",
        permission="ledger.change_requestedpayout",
        description="Record that the payment provider has paid a payout: the money leaves the ledger.",
        shown={
            "payout": _PAYOUT,
            "payment_reference": Shown(
                help="The provider's reference of the payment. Each can be used once."
            ),
        },
    ),
)

FAIL_PAYOUT: Final = Request(
    tag="payout.failed",
    message=PayoutFailed,
    command=lambda message, _, at: FailPayout(payout=str(message.payout), occurred_at=at),
    erasable=("reason",),
    routes=(
        Route(
            path="/payouts/{payout}/failed",
            operation_id="fail_payout",
            summary="Mark a payout as failed",
            description="Make the money available again because the payout was cancelled or cannot be paid.",
            location=_WHERE,
        ),
    ),
    page=Page(
        name="fail-payout",
        title="Mark a payout as failed",
        permission="ledger.change_requestedpayout",
        description="Record that a payout was cancelled or could not be paid: the money is available again.",
        shown={"payout": _PAYOUT},
    ),
)

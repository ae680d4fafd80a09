"""The requests of consulting contracts: sign, then finish, split or cancel."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Protocol

from easyautoml_ledger.ids import Id
from easyautoml_ledger.money import PositiveAmount
from ledger.domain.contracting import EndContract, SignContract, Step
from ledger.engine.submission import Sender
from ledger.requests.body import Body
from ledger.requests.request import Page, Request, Route, Shown

_WHERE: Final = "/v1/consulting/{contract}"
_CONTRACT: Final = Shown(
    label="Consulting request", help="ID of the request, which is also that of its contract."
)


class ContractStep(Body):
    """The step of a contract, which has the id of its consulting request."""

    contract: Id


class Split(ContractStep):
    """The part of the escrow (USD) that goes to the consultant, before the commission."""

    amount: PositiveAmount


class _End(Protocol):
    def __call__(self, message: ContractStep, sender: Sender, at: datetime, /) -> EndContract: ...


def _end(step: Step) -> _End:
    def command(message: ContractStep, _: Sender, at: datetime) -> EndContract:
        amount = message.amount if isinstance(message, Split) else None
        return EndContract(contract=message.contract, step=step, amount=amount, occurred_at=at)

    return command


SIGN_CONTRACT: Final = Request(
    tag="consulting.sign",
    message=ContractStep,
    command=lambda message, _, at: SignContract(contract=message.contract, occurred_at=at),
    routes=(
        Route(
            path="/consulting/{contract}/contract",
            operation_id="sign_contract",
            summary="Sign a consulting contract",
            description="Move the amount of the request from its client into escrow. The consultant must "
            "have approved it.",
            location=_WHERE,
        ),
    ),
    page=Page(
        name="sign-contract",
        title="Sign a contract",
        permission="ledger.add_consultingcontract",
        description="Sign a contract once the consultant has agreed: its amount goes from the client into "
        "escrow.",
        shown={"contract": _CONTRACT},
    ),
)

FINISH_CONTRACT: Final = Request(
    tag="consulting.finish",
    message=ContractStep,
    command=_end("finish"),
    routes=(
        Route(
            path="/consulting/{contract}/finish",
            operation_id="finish_contract",
            summary="Finish a contract and pay its consultant",
            description="Pay out the escrow, less the commission that was in force when the contract was "
            "signed.",
            location=_WHERE,
        ),
    ),
    page=Page(
        name="finish-contract",
        title="Finish a contract",
        permission="ledger.change_consultingcontract",
        description="Pay the consultant everything in escrow, less the commission that applied when it was "
        "signed.",
        shown={"contract": _CONTRACT},
    ),
)

SPLIT_CONTRACT: Final = Request(
    tag="consulting.split",
    message=Split,
    command=_end("split"),
    routes=(
        Route(
            path="/consulting/{contract}/split",
            operation_id="split_contract",
            summary="Split the money of a contract between consultant and client",
            description="Pay `amount`, less the commission, to the consultant and return the rest to the "
            "client.",
            location=_WHERE,
        ),
    ),
    page=Page(
        name="split-contract",
        title="Split a contract",
        permission="ledger.change_consultingcontract",
        description="End a contract as both sides have agreed: the consultant gets part of the escrow, less "
        "the commission, and the client gets the rest.",
        currency="USD",
        shown={
            "contract": _CONTRACT,
            "amount": Shown(help="The consultant's part, before the commission is deducted."),
        },
    ),
)

CANCEL_CONTRACT: Final = Request(
    tag="consulting.cancel",
    message=ContractStep,
    command=_end("cancel"),
    routes=(
        Route(
            path="/consulting/{contract}/cancel",
            operation_id="cancel_contract",
            summary="Cancel a contract and refund its client",
            description="Return the escrow to the client.",
            location=_WHERE,
        ),
    ),
    page=Page(
        name="cancel-contract",
        title="Cancel a contract",
        permission="ledger.change_consultingcontract",
        description="Cancel a contract: everything in escrow goes back to the client.",
        shown={"contract": _CONTRACT},
    ),
)

STEPS: Final[Mapping[str, Request[ContractStep]]] = {
    "contract": SIGN_CONTRACT,
    "finish": FINISH_CONTRACT,
    "cancel": CANCEL_CONTRACT,
}
"""The request of each step but `split`, which has an amount."""

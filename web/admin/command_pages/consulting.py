"""Command pages of consulting contracts: sign, finish, split, cancel."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from django.utils.html import format_html
from pydantic import BaseModel
from typing_extensions import override

from ledger.domain.money import USD
from ledger.engine.submission import Submission
from ledger.queries.kept import find_contract
from ledger.requests import bodies, by_people
from web.admin.command_pages.command_page import CommandPage
from web.admin.command_pages.fields import AmountField, WholeNumberField
from web.admin.formatting import amount
from web.admin.search import number_or_none


class _ContractPage(CommandPage):
    """The base of all four."""

    permission = "ledger.change_consultingcontract"
    body: ClassVar[type[BaseModel]] = bodies.Body
    step: ClassVar[str]

    contract = WholeNumberField(
        label="Consulting request", help_text="ID of the request, which is also that of its contract."
    )

    @property
    @override
    def target(self) -> Iterator[tuple[str, object]]:
        number = number_or_none(str(self["contract"].value()))
        found = None if number is None else find_contract(number)
        if found is not None:
            yield "State", found.state
            yield "Client", f"user {found.client}"
            yield "Consultant", f"user {found.consultant}"
            yield (
                "In escrow",
                format_html("{} of {}", amount(found.remaining, USD), amount(found.amount, USD)),
            )
            yield "Commission", str(found.commission_rate)

    @override
    def submission(self, *, now: datetime, **context: Any) -> Submission:
        return by_people.take_contract_step(
            self.parsed, self.cleaned_data["contract"], self.step, now=now, **context
        )


class SignContract(_ContractPage):
    """Sign a contract once the consultant has agreed: its amount goes from the client into escrow."""

    name = "sign-contract"
    title = "Sign a contract"
    permission = "ledger.add_consultingcontract"
    step = "contract"


class FinishContract(_ContractPage):
    """Pay the consultant everything in escrow, less the commission that applied when it was signed."""

    name = "finish-contract"
    title = "Finish a contract"
    step = "finish"


class SplitContract(_ContractPage):
    """End a contract as both sides have agreed: the consultant gets part of the escrow, less the commission,
    and the client gets the rest.
    """

    name = "split-contract"
    title = "Split a contract"
    body = bodies.Split
    step = "split"

    amount = AmountField("USD", help_text="The consultant's part, before the commission is deducted.")


class CancelContract(_ContractPage):
    """Cancel a contract: everything in escrow goes back to the client."""

    name = "cancel-contract"
    title = "Cancel a contract"
    step = "cancel"

"""Doors of consulting contracts: sign, finish, split, cancel."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from django.utils.html import format_html
from pydantic import BaseModel

from ledger.domain.money import USD
from ledger.engine.submission import Submission
from ledger.queries.kept import find_contract
from ledger.requests import bodies, by_people
from web.admin.command_pages.command_page import CommandPage
from web.admin.command_pages.fields import AmountField, WholeField
from web.admin.pages import amount, as_number


class _Step(CommandPage):
    """What all of them share."""

    permission = "ledger.change_consultingcontract"
    body: ClassVar[type[BaseModel]] = bodies.Body
    step: ClassVar[str]

    contract = WholeField(label="Consulting request", help_text="Id.")

    @property
    def about(self) -> Iterator[tuple[str, object]]:
        """Whose it is, and what is in escrow."""
        number = as_number(str(self["contract"].value()))
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

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As over HTTP."""
        return by_people.take_contract_step(
            self.read, self.cleaned_data["contract"], self.step, now=now, **who
        )


class SignContract(_Step):
    """The consultant has agreed: the amount of the request goes from the client into escrow."""

    name = "sign-contract"
    title = "Sign a contract"
    permission = "ledger.add_consultingcontract"
    step = "contract"


class FinishContract(_Step):
    """Pay the consultant all that is in escrow, less the commission that was in force when it was signed."""

    name = "finish-contract"
    title = "Finish a contract"
    step = "finish"


class SplitContract(_Step):
    """As both have agreed: the consultant gets a part, less the commission, and the client the rest."""

    name = "split-contract"
    title = "Split a contract"
    body = bodies.Split
    step = "split"

    amount = AmountField("USD", help_text="What the consultant gets, before the commission.")


class CancelContract(_Step):
    """All that is in escrow goes back to the client."""

    name = "cancel-contract"
    title = "Cancel a contract"
    step = "cancel"

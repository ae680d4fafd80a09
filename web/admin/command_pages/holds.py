"""Command pages of holds: place, capture, void."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from typing_extensions import override

from easyautoml_ledger.holds import HoldCaptured, HoldRequested, HoldVoided
from ledger.domain.money import EAML
from ledger.engine.submission import Submission
from ledger.queries.kept import find_hold
from ledger.requests import holds
from web.admin.command_pages.command_page import CommandPage
from web.admin.command_pages.fields import (
    CheckboxField,
    ReasonField,
    SelectField,
    UserField,
    UtcTimeField,
    UuidField,
    WholeNumberField,
)
from web.admin.formatting import amount, spaced, utc_time

_KINDS = {"training": "training", "solving": "solving", "solving_with_api": "solving with API"}


class PlaceHold(CommandPage):
    """Hold EAML of the payer for work that will run. For training the payer is the machine's owner."""

    name = "place-hold"
    title = "Place a hold"
    permission = "ledger.add_heldfunds"
    body = HoldRequested

    operation_user = UserField()
    kind = SelectField(_KINDS, initial="solving")
    machine = WholeNumberField(help_text="ID of the machine.")
    count_of_lines = WholeNumberField(label="Lines")
    count_of_training_epoch = WholeNumberField(label="Epochs", required=False, help_text="Only for training.")
    expires_at = UtcTimeField(
        label="Expires (UTC)", help_text="After this time, what is left of the hold is available again."
    )

    @override
    def body_values(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        """Return the values with the page's key as the hold's id, so that the page places only one hold."""
        return {**super().body_values(cleaned), "hold": cleaned.get("key")}

    @override
    def submission(self, *, now: datetime, **context: Any) -> Submission:
        return holds.place_hold(self.parsed, now=now, **context)


class _HoldPage(CommandPage):
    """The base of capturing and voiding."""

    permission = "ledger.change_heldfunds"

    hold = UuidField(help_text="ID of the hold.")

    @property
    @override
    def target(self) -> Iterator[tuple[str, object]]:
        hold = self.uuid_in("hold")
        found = None if hold is None else find_hold(hold, at=timezone.now())
        if found is not None:
            yield "State", found.state
            yield "Payer", f"user {found.user}"
            yield "For", f"{spaced(found.kind)} on machine {found.machine}"
            yield "Left", format_html("{} of {}", amount(found.remaining, EAML), amount(found.amount, EAML))
            yield "Expires", utc_time(found.expires_at)


class CaptureHold(_HoldPage):
    """Charge work to a hold. If the work costs more than is left of the hold, the payer's available balance
    pays the rest, and what that does not cover becomes due.
    """

    name = "capture-hold"
    title = "Capture a hold"
    body = HoldCaptured

    count_of_lines = WholeNumberField(label="Lines", help_text="Number of lines since the last capture.")
    count_of_training_epoch = WholeNumberField(label="Epochs", required=False, help_text="Only for training.")
    final = CheckboxField(label="Final capture: release what is left", initial=True)

    @override
    def submission(self, *, now: datetime, **context: Any) -> Submission:
        return holds.capture_hold(self.parsed, now=now, **context)


class VoidHold(_HoldPage):
    """Release a hold whose work will not be done: what is left of it is available again."""

    name = "void-hold"
    title = "Void a hold"
    body = HoldVoided

    reason = ReasonField()

    @override
    def submission(self, *, now: datetime, **context: Any) -> Submission:
        return holds.void_hold(self.parsed, now=now, **context)

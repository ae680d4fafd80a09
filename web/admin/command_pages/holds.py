"""Doors of holds: place, capture, void."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.html import format_html

from easyautoml_ledger.holds import HoldCaptured, HoldRequested, HoldVoided
from ledger.domain.money import EAML
from ledger.engine.submission import Submission
from ledger.queries.kept import find_hold
from ledger.requests import holds
from web.admin.command_pages.command_page import CommandPage
from web.admin.command_pages.fields import (
    ChosenField,
    FlagField,
    MomentField,
    ReasonField,
    UserField,
    UuidField,
    WholeField,
)
from web.admin.pages import amount, moment

_KINDS = {"training": "training", "solving": "solving", "solving_with_api": "solving with API"}


class PlaceHold(CommandPage):
    """Set tokens aside for work that will run. Training is paid by the machine's owner."""

    name = "place-hold"
    title = "Place a hold"
    permission = "ledger.add_heldfunds"
    body = HoldRequested

    operation_user = UserField()
    kind = ChosenField(_KINDS, initial="solving")
    machine = WholeField(help_text="Id.")
    count_of_lines = WholeField(label="Lines")
    count_of_training_epoch = WholeField(label="Epochs", required=False, help_text="Of a training.")
    expires_at = MomentField(label="Expires (UTC)", help_text="From then on, what is left is given back.")

    def values(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        """The hold gets the page's key as its id, so that the page places one."""
        return {**super().values(cleaned), "hold": cleaned.get("key")}

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As from the training service."""
        return holds.place_hold(self.read, now=now, **who)


class _OfHold(CommandPage):
    """What capturing and voiding share."""

    permission = "ledger.change_heldfunds"

    hold = UuidField(help_text="Id.")

    @property
    def about(self) -> Iterator[tuple[str, object]]:
        """Whose it is, and what is left of it now."""
        hold = self.named("hold")
        found = None if hold is None else find_hold(hold, at=timezone.now())
        if found is not None:
            yield "State", found.state
            yield "Payer", f"user {found.user}"
            yield "For", f"{found.kind.replace('_', ' ')} on machine {found.machine}"
            yield "Left", format_html("{} of {}", amount(found.remaining, EAML), amount(found.amount, EAML))
            yield "Expires", moment(found.expires_at)


class CaptureHold(_OfHold):
    """Pay work out of a hold. What the work costs beyond it comes from what is available, then is due."""

    name = "capture-hold"
    title = "Capture a hold"
    body = HoldCaptured

    count_of_lines = WholeField(label="Lines", help_text="Done since the last capture.")
    count_of_training_epoch = WholeField(label="Epochs", required=False, help_text="Of a training.")
    final = FlagField(label="Final: release what is left", initial=True)

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As from the training service."""
        return holds.capture_hold(self.read, now=now, **who)


class VoidHold(_OfHold):
    """Release a hold: the work will not be done, and what is left is available again."""

    name = "void-hold"
    title = "Void a hold"
    body = HoldVoided

    reason = ReasonField()

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As from the training service."""
        return holds.void_hold(self.read, now=now, **who)

"""Doors of holds: place, capture, void."""

from datetime import datetime
from typing import Any

from easyautoml_ledger.holds import HoldCaptured, HoldRequested, HoldVoided
from ledger.commands import Submission
from ledger.operations import holds
from projections.admin.doors.door import Door
from projections.admin.doors.fields import (
    ChosenField,
    FlagField,
    MomentField,
    ReasonField,
    UserField,
    UuidField,
    WholeField,
)

_KINDS = {"training": "training", "solving": "solving", "solving_with_api": "solving with API"}


class PlaceHold(Door):
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
        return holds.placing(self.read, now=now, **who)


class CaptureHold(Door):
    """Pay work out of a hold. What the work costs beyond it comes from what is available, then is due."""

    name = "capture-hold"
    title = "Capture a hold"
    permission = "ledger.change_heldfunds"
    body = HoldCaptured

    hold = UuidField(help_text="Id.")
    count_of_lines = WholeField(label="Lines", help_text="Done since the last capture.")
    count_of_training_epoch = WholeField(label="Epochs", required=False, help_text="Of a training.")
    final = FlagField(label="Final: release what is left", initial=True)

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As from the training service."""
        return holds.capturing(self.read, now=now, **who)


class VoidHold(Door):
    """Release a hold: the work will not be done, and what is left is available again."""

    name = "void-hold"
    title = "Void a hold"
    permission = "ledger.change_heldfunds"
    body = HoldVoided

    hold = UuidField(help_text="Id.")
    reason = ReasonField()

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As from the training service."""
        return holds.voiding(self.read, now=now, **who)

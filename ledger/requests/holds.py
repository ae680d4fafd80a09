"""The requests of holds: place, capture, void."""

from datetime import datetime
from typing import Final

from easyautoml_ledger.holds import HoldCaptured, HoldRequested, HoldVoided
from ledger.domain.holding import CaptureHold, PlaceHold, VoidHold
from ledger.domain.operations import Kind, RecordOperation
from ledger.engine.submission import Sender
from ledger.requests.request import Page, Request, Route, Shown

_WHERE: Final = "/v1/holds/{hold}"
_HOLD: Final = Shown(help="ID of the hold.")
_EPOCHS: Final = Shown(label="Epochs", help="Only for training.")


def _place(message: HoldRequested, _: Sender, at: datetime) -> PlaceHold:
    estimate = RecordOperation(
        kind=Kind(message.kind),
        operation_user=message.operation_user,
        occurred_at=at,
        machine=message.machine,
        count_of_lines=message.count_of_lines,
        count_of_training_epoch=message.count_of_training_epoch,
        unit_price=message.unit_price,
    )
    return PlaceHold(hold=str(message.hold), estimate=estimate, expires_at=message.expires_at)


PLACE_HOLD: Final = Request(
    tag="hold.requested",
    message=HoldRequested,
    command=_place,
    routes=(
        Route(
            path="/holds",
            operation_id="place_hold",
            summary="Place a hold",
            description="""\
Set tokens aside for work, which may start after a 201.

The caller chooses the hold's id, so that a retry refers to the same hold.""",
            location=_WHERE,
        ),
    ),
    page=Page(
        name="place-hold",
        title="Place a hold",
        permission="ledger.add_heldfunds",
        description="Hold EAML of the payer for work that will run. For training the payer is the machine's "
        "owner.",
        is_key="hold",
        shown={
            "kind": Shown(
                initial="solving",
                choices={
                    "training": "training",
                    "solving": "solving",
                    "solving_with_api": "solving with API",
                },
            ),
            "machine": Shown(help="ID of the machine."),
            "count_of_lines": Shown(label="Lines"),
            "count_of_training_epoch": _EPOCHS,
            "expires_at": Shown(
                label="Expires (UTC)", help="After this time, what is left of the hold is available again."
            ),
        },
    ),
)

CAPTURE_HOLD: Final = Request(
    tag="hold.captured",
    message=HoldCaptured,
    command=lambda message, _, at: CaptureHold(
        hold=str(message.hold),
        count_of_lines=message.count_of_lines,
        count_of_training_epoch=message.count_of_training_epoch,
        final=message.final,
        occurred_at=at,
    ),
    routes=(
        Route(
            path="/holds/{hold}/capture",
            operation_id="capture_hold",
            summary="Capture a hold",
            description="""\
Pay for work from the hold.

An amount within the hold is always paid. The rest is taken from the available balance, then becomes due.""",
            location=_WHERE,
        ),
    ),
    page=Page(
        name="capture-hold",
        title="Capture a hold",
        permission="ledger.change_heldfunds",
        description="Charge work to a hold. If the work costs more than is left of the hold, the payer's "
        "available balance pays the rest, and what that does not cover becomes due.",
        shown={
            "hold": _HOLD,
            "count_of_lines": Shown(label="Lines", help="Number of lines since the last capture."),
            "count_of_training_epoch": _EPOCHS,
            "final": Shown(label="Final capture: release what is left", initial=True),
        },
    ),
)

VOID_HOLD: Final = Request(
    tag="hold.voided",
    message=HoldVoided,
    command=lambda message, _, at: VoidHold(hold=str(message.hold), occurred_at=at),
    erasable=("reason",),
    routes=(
        Route(
            path="/holds/{hold}/void",
            operation_id="void_hold",
            summary="Void a hold",
            description="Release the rest of the hold because the work was not done.",
            location=_WHERE,
        ),
    ),
    page=Page(
        name="void-hold",
        title="Void a hold",
        permission="ledger.change_heldfunds",
        description="Release a hold whose work will not be done: what is left of it is available again.",
        shown={"hold": _HOLD},
    ),
)

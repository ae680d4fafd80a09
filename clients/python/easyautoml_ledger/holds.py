"""Holds: tokens set aside before the work, captured after it, and released if it fails.

The publisher chooses the hold's id (a UUID), so that a retry is the same hold. All
messages of one hold have the payer's user id as their key, so that they stay in order.
The ledger answers with ``…billing.hold.placed.v1`` or ``…refused.v1``. The work must not
start before.
"""

from typing import TYPE_CHECKING, Literal, Optional

from typing_extensions import override

from .ids import Count, Flag, Id, Uuid
from .message import Incoming
from .money import NonNegativeAmount
from .operations import MODEL_OF_KIND
from .text import Reason
from .times import AwareDatetime
from .topics import TRAINING_OPERATIONS

if TYPE_CHECKING:
    HoldKind = str
else:  # a type checker cannot read a computed Literal
    HoldKind = Literal[tuple(kind for kind, model in MODEL_OF_KIND.items() if "hold" in model.model_fields)]


class HoldMessage(Incoming):
    """Base of all messages about a hold."""

    topics = (TRAINING_OPERATIONS,)
    outcome_kind = "hold"

    hold: Uuid
    occurred_at: Optional[AwareDatetime] = None

    @override
    def default_key(self) -> str:
        raise ValueError("pass key: the key of all messages of a hold is the payer's user id")


class HoldRequested(HoldMessage):
    """Set aside the price of ``kind`` on ``machine`` for the estimated lines and epochs.

    ``unit_price`` is the price of a unit that the publisher expects. At ``expires_at`` the rest
    of the hold is released.
    """

    event_type = "com.easyautoml.hold.requested.v1"

    operation_user: Id
    kind: HoldKind
    machine: Id
    count_of_lines: Count
    count_of_training_epoch: Optional[Count] = None
    unit_price: Optional[NonNegativeAmount] = None
    expires_at: AwareDatetime


class HoldCaptured(HoldMessage):
    """Work was done: ``count_of_lines`` and epochs since the last capture.

    A ``final`` capture releases the rest of the hold; after any other, more captures may follow.
    """

    event_type = "com.easyautoml.hold.captured.v1"

    count_of_lines: Count
    count_of_training_epoch: Optional[Count] = None
    final: Flag = True


class HoldVoided(HoldMessage):
    """The work will not be done: the rest of the hold is released."""

    event_type = "com.easyautoml.hold.voided.v1"

    reason: Reason

"""Holds: tokens set aside before the work, captured after it, and released if it fails.

The publisher chooses the hold's id (a UUID), so that a retry is the same hold. All
messages of one hold have the payer's user id as their key, so that they stay in order.
The ledger answers with ``…billing.hold.placed.v1`` or ``…refused.v1``. The work must not
start before.
"""

from typing import Literal, Optional

from pydantic import BaseModel, ConfigDict

from .ids import Count, Flag, Id, Uuid
from .money import NonNegativeAmount
from .text import Reason
from .times import AwareDatetime

HoldKind = Literal["training", "solving", "solving_with_api"]


class HoldMessage(BaseModel):
    """Base of all messages about a hold."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    hold: Uuid
    occurred_at: Optional[AwareDatetime] = None


class HoldRequested(HoldMessage):
    """Set aside the price of ``kind`` on ``machine`` for the estimated lines and epochs.

    ``unit_price`` is the price of a unit that the publisher expects. At ``expires_at`` the rest
    of the hold is released.
    """

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

    count_of_lines: Count
    count_of_training_epoch: Optional[Count] = None
    final: Flag


class HoldVoided(HoldMessage):
    """The work will not be done: the rest of the hold is released."""

    reason: Reason

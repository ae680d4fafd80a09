"""Holds: money set aside before the work, captured after it, given back where it failed.

The publisher chooses the hold's id (a UUID), so that a retry is the same hold. All
messages of one hold carry the payer's user id as their key, so that they keep their order.
The ledger answers with ``…billing.hold.placed.v1`` or ``…refused.v1``: only then is it
known whether the work may start.
"""

from typing import Literal, Optional

from pydantic import BaseModel, ConfigDict

from .ids import Count, Flag, Id, Uuid
from .money import NonNegativeAmount
from .text import Reason
from .times import AwareDatetime

HoldKind = Literal["training", "solving", "solving_with_api"]


class HoldMessage(BaseModel):
    """What all messages of a hold share."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    hold: Uuid
    occurred_at: Optional[AwareDatetime] = None


class HoldRequested(HoldMessage):
    """Set aside what ``kind`` on ``machine`` would cost for the estimated lines and epochs.

    ``unit_price`` is what the publisher believes a unit costs. From ``expires_at`` on, what
    is left of the hold is given back.
    """

    operation_user: Id
    kind: HoldKind
    machine: Id
    count_of_lines: Count
    count_of_training_epoch: Optional[Count] = None
    unit_price: Optional[NonNegativeAmount] = None
    expires_at: AwareDatetime


class HoldCaptured(HoldMessage):
    """Work was done: ``count_of_lines`` (and epochs) of it, since the last capture.

    Where it is ``final`` the rest of the hold is given back; otherwise more captures may follow.
    """

    count_of_lines: Count
    count_of_training_epoch: Optional[Count] = None
    final: Flag


class HoldVoided(HoldMessage):
    """The work will not be done: all that is left of the hold is given back."""

    reason: Reason

"""Control totals: a publisher states what it sent, so that the ledger can report what is missing."""

from typing import TYPE_CHECKING, Annotated, Literal, Optional

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import override

from .ids import Total
from .message import Incoming
from .money import NonNegativeAmount
from .operations import KINDS
from .times import AwareDatetime
from .topics import MARKETPLACE_OPERATIONS, TRAINING_OPERATIONS

if TYPE_CHECKING:
    Kind = str
else:  # a type checker cannot read a computed Literal
    Kind = Literal[KINDS]


class KindTotal(BaseModel):
    """The number of operations of one kind, and the sums of their lines and amounts (USD)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Kind
    count: Total
    count_of_lines: Optional[Total] = None
    amount: Optional[NonNegativeAmount] = None


class ControlTotal(Incoming):
    """The totals of all operations of this source that occurred at or after ``window_start`` and
    before ``window_end``. A kind that is left out counts as zero.
    """

    event_type = "com.easyautoml.control-total.v1"
    topics = (TRAINING_OPERATIONS, MARKETPLACE_OPERATIONS)

    window_start: AwareDatetime
    window_end: AwareDatetime
    totals: Annotated[tuple[KindTotal, ...], Field(max_length=100)]

    @override
    def default_key(self) -> str:
        return "control-total"

    @model_validator(mode="after")
    def _check_window_and_kinds(self) -> "ControlTotal":
        if self.window_end <= self.window_start:
            raise PydanticCustomError("invalid_value", "the window must end after it starts")
        if len({total.kind for total in self.totals}) < len(self.totals):
            raise PydanticCustomError("invalid_value", "a kind must not occur twice")
        return self

"""Control totals: a publisher states what it sent, so that the ledger can report what is missing."""

from typing import Annotated, Literal, Optional

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from .ids import Total
from .money import NonNegativeAmount
from .times import AwareDatetime

Kind = Literal[
    "training",
    "solving",
    "solving_with_api",
    "solving_with_api_market",
    "buy_data_source",
    "machine_copy",
    "machine_copy_update",
    "credit_from_user",
    "pay_a_bill",
]


class KindTotal(BaseModel):
    """The number of operations of one kind, and the sums of their lines and amounts (USD)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Kind
    count: Total
    count_of_lines: Optional[Total] = None
    amount: Optional[NonNegativeAmount] = None


class ControlTotal(BaseModel):
    """The totals of all operations of this source that occurred at or after ``window_start`` and
    before ``window_end``. A kind that is left out counts as zero.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    window_start: AwareDatetime
    window_end: AwareDatetime
    totals: Annotated[tuple[KindTotal, ...], Field(max_length=100)]

    @model_validator(mode="after")
    def _check_window_and_kinds(self) -> "ControlTotal":
        if self.window_end <= self.window_start:
            raise PydanticCustomError("invalid_value", "the window must end after it starts")
        if len({total.kind for total in self.totals}) < len(self.totals):
            raise PydanticCustomError("invalid_value", "a kind must not occur twice")
        return self

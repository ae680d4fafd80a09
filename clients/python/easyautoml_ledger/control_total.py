"""What a publisher says it has sent, so that both sides can find out what went missing."""

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
    """Of one kind: how many operations, and the sums of their lines and amounts (USD)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Kind
    count: Total
    count_of_lines: Optional[Total] = None
    amount: Optional[NonNegativeAmount] = None


class ControlTotal(BaseModel):
    """All operations of the sending source that occurred from ``window_start`` on and before
    ``window_end``. A kind that is left out counts as zero.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    window_start: AwareDatetime
    window_end: AwareDatetime
    totals: Annotated[tuple[KindTotal, ...], Field(max_length=100)]

    @model_validator(mode="after")
    def _make_sense(self) -> "ControlTotal":
        if self.window_end <= self.window_start:
            raise PydanticCustomError("invalid_value", "the window must end after it starts")
        if len({total.kind for total in self.totals}) < len(self.totals):
            raise PydanticCustomError("invalid_value", "a kind must not stand twice")
        return self

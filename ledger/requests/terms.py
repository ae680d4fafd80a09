"""The terms of tariffs as they are sent: prices in EAML, fractions from 0 to 1, amounts as strings."""

from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from easyautoml_ledger.ids import Flag, Id
from easyautoml_ledger.money import NonNegativeAmount, PositiveAmount
from easyautoml_ledger.text import Code, Reason
from easyautoml_ledger.times import AwareDatetime
from ledger.requests.bodies import Body

Compute: TypeAlias = Literal["training", "solving", "solving_with_api"]
Sale: TypeAlias = Literal[
    "solving_with_api_market",
    "buy_data_source",
    "machine_copy",
    "machine_copy_update",
    "consulting_payment",
]


def _at_most_all(rate: Decimal) -> Decimal:
    if rate > 1:
        raise PydanticCustomError("out_of_range", "a commission is at most 1, which is all of it")
    return rate


def _ascending(bands: tuple["PriceBand", ...]) -> tuple["PriceBand", ...]:
    if any(lower.above >= upper.above for lower, upper in pairwise(bands)):
        raise PydanticCustomError("invalid_value", "the bands do not begin one above the other")
    return bands


class PriceBand(Body):
    """The units of one operation above the first `above` ones cost `unit_price` each."""

    above: Annotated[int, Field(strict=True, ge=1, le=10**15)]
    unit_price: NonNegativeAmount


Fraction = Annotated[NonNegativeAmount, AfterValidator(_at_most_all)]
Bands = Annotated[tuple[PriceBand, ...], Field(max_length=50), AfterValidator(_ascending)]


class Terms(Body):
    """All terms of a tariff. `bands` and `commission_rates` are of the kinds that have any of their own."""

    training_cell_eaml: NonNegativeAmount
    training_counts_epochs: Flag
    solving_line_eaml: NonNegativeAmount
    solving_with_api_line_eaml: NonNegativeAmount
    commission_rate: Fraction
    eaml_per_usd: PositiveAmount
    credit_limit_eaml: NonNegativeAmount
    when_short: dict[Compute, Literal["due", "reject"]]
    commission_rates: dict[Sale, Fraction] = Field(default_factory=dict)
    bands: dict[Compute, Bands] = Field(default_factory=dict)


class SomeTerms(Body):
    """Terms that stand in the place of the tariff's; without any, the tariff's count again."""

    training_cell_eaml: NonNegativeAmount | None = None
    training_counts_epochs: Flag | None = None
    solving_line_eaml: NonNegativeAmount | None = None
    solving_with_api_line_eaml: NonNegativeAmount | None = None
    commission_rate: Fraction | None = None
    eaml_per_usd: PositiveAmount | None = None
    credit_limit_eaml: NonNegativeAmount | None = None
    when_short: dict[Compute, Literal["due", "reject"]] | None = None
    commission_rates: dict[Sale, Fraction] | None = None
    bands: dict[Compute, Bands] | None = None


class Tariff(Body):
    """A version for everybody, in force from `effective_from` on, or from when it is approved."""

    effective_from: AwareDatetime | None = None
    terms: Terms
    reason_code: Code
    reason: Reason


class TariffOverride(Body):
    """A version for one user, or for the members of one team."""

    user: Id | None = None
    team: Id | None = None
    effective_from: AwareDatetime | None = None
    terms: SomeTerms
    reason_code: Code
    reason: Reason

    @model_validator(mode="after")
    def _is_of_one(self) -> Self:
        if (self.user is None) is (self.team is None):
            raise PydanticCustomError("missing_field", "say whose terms these are: a user's or a team's")
        return self


def stored(terms: Terms | SomeTerms) -> dict[str, Any]:
    """The terms as a version keeps them: those that were given, amounts with 8 decimals."""
    kept: dict[str, Any] = terms.model_dump(mode="json", exclude_none=True)
    return {name: value for name, value in kept.items() if value not in ({}, [])}

"""The requests of tariffs: propose a version for everyone, or terms for one user or team.

Prices are in EAML, commission rates are fractions from 0 to 1, amounts are strings.
"""

from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from easyautoml_ledger.ids import Flag, Id
from easyautoml_ledger.money import NonNegativeAmount, PositiveAmount
from easyautoml_ledger.text import Code, Reason
from easyautoml_ledger.times import AwareDatetime
from ledger.domain.tariff_versions import ProposeTariff
from ledger.engine.submission import Sender
from ledger.requests.body import Body
from ledger.requests.request import Page, Request, Route, Shown

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
        raise PydanticCustomError("out_of_range", "a commission rate is at most 1, the whole amount")
    return rate


def _ascending(bands: tuple["PriceBand", ...]) -> tuple["PriceBand", ...]:
    if any(lower.above >= upper.above for lower, upper in pairwise(bands)):
        raise PydanticCustomError("invalid_value", "each band must begin above the one before it")
    return bands


class PriceBand(Body):
    """The price of each unit of an operation beyond the first `above` units."""

    above: Annotated[int, Field(strict=True, ge=1, le=10**15)]
    unit_price: NonNegativeAmount


Fraction = Annotated[NonNegativeAmount, AfterValidator(_at_most_all)]
Bands = Annotated[tuple[PriceBand, ...], Field(max_length=50), AfterValidator(_ascending)]


# Named, so that they are schemas of these names in the OpenAPI document.
WhenShort = TypeAliasType("WhenShort", dict[Compute, Literal["due", "reject"]])
CommissionRates = TypeAliasType("CommissionRates", dict[Sale, Fraction])
PriceBands = TypeAliasType("PriceBands", dict[Compute, Bands])


class Terms(Body):
    """All terms of a tariff. `bands` and `commission_rates` list only the kinds that have their own."""

    training_cell_eaml: NonNegativeAmount
    training_counts_epochs: Flag
    solving_line_eaml: NonNegativeAmount
    solving_with_api_line_eaml: NonNegativeAmount
    commission_rate: Fraction
    eaml_per_usd: PositiveAmount
    credit_limit_eaml: NonNegativeAmount
    when_short: WhenShort
    commission_rates: CommissionRates = Field(default_factory=dict)
    bands: PriceBands = Field(default_factory=dict)


class SomeTerms(Body):
    """Terms that replace the tariff's. An empty object restores the tariff's terms."""

    training_cell_eaml: NonNegativeAmount | None = None
    training_counts_epochs: Flag | None = None
    solving_line_eaml: NonNegativeAmount | None = None
    solving_with_api_line_eaml: NonNegativeAmount | None = None
    commission_rate: Fraction | None = None
    eaml_per_usd: PositiveAmount | None = None
    credit_limit_eaml: NonNegativeAmount | None = None
    when_short: WhenShort | None = None
    commission_rates: CommissionRates | None = None
    bands: PriceBands | None = None


class Tariff(Body):
    """A tariff version for everyone, in force from `effective_from`, or from its approval when omitted."""

    effective_from: AwareDatetime | None = None
    terms: Terms
    reason_code: Code
    reason: Reason


class TariffOverride(Body):
    """A tariff version for one user or for the members of one team."""

    user: Id | None = None
    team: Id | None = None
    effective_from: AwareDatetime | None = None
    terms: SomeTerms
    reason_code: Code
    reason: Reason

    @model_validator(mode="after")
    def _names_user_or_team(self) -> Self:
        if (self.user is None) is (self.team is None):
            raise PydanticCustomError("missing_field", "give either a user or a team")
        return self


def stored(terms: Terms | SomeTerms) -> dict[str, Any]:
    """Return the terms as a version stores them: only those that were given, amounts with 8 decimals."""
    kept: dict[str, Any] = terms.model_dump(mode="json", exclude_none=True)
    return {name: value for name, value in kept.items() if value not in ({}, [])}


def _propose(message: Tariff | TariffOverride, sender: Sender, at: datetime) -> ProposeTariff:
    override = message if isinstance(message, TariffOverride) else None
    return ProposeTariff(
        effective_from=message.effective_from,
        user=None if override is None else override.user,
        team=None if override is None else override.team,
        terms=stored(message.terms),
        occurred_at=at,
        actor=sender.actor,
        role=sender.role,
        reason_code=message.reason_code,
    )


_SHOWN: Final = {
    "effective_from": Shown(label="In force from (UTC)", help="Leave empty to take effect on approval."),
    "reason_code": Shown(help="A short name for reports, for example new-prices or agreement."),
}

PROPOSE_TARIFF: Final = Request(
    tag="tariff.propose",
    message=Tariff,
    command=_propose,
    erasable=("reason",),
    routes=(
        Route(
            path="/tariffs",
            scope="ledger:admin",
            operation_id="propose_tariff",
            summary="Propose a version of the tariff",
            description="""\
Propose a version, which another key must approve. Then it is published and never changed.

It takes effect at a future time or on approval.""",
            proposes="always",
        ),
    ),
    page=Page(
        name="publish-tariff",
        title="Propose a tariff",
        permission="ledger.add_publishedtariff",
        description="Propose a new version of the tariff for everyone. It is published when another person "
        "approves it.\n\n"
        "A version cannot be edited, and never takes effect before it is published.",
        shown=_SHOWN,
    ),
)

OVERRIDE_TARIFF: Final = Request(
    tag="tariff.override",
    message=TariffOverride,
    command=_propose,
    erasable=("reason",),
    routes=(
        Route(
            path="/tariffs/overrides",
            scope="ledger:admin",
            operation_id="propose_override",
            summary="Propose an override for a user or a team",
            description="Propose terms that replace those of the tariff. A user's override wins over that of "
            "their team.",
            proposes="always",
        ),
    ),
    page=Page(
        name="override-tariff",
        title="Propose terms for a user or a team",
        permission="ledger.add_publishedtariff",
        description="Propose terms for one user, or for the members of a team, that replace those of the "
        "tariff.\n\n"
        "Terms that are left empty are not overridden. If all are empty, the tariff applies again.",
        shown={**_SHOWN, "team": Shown(help="ID of the team. Fill in either a user or a team.")},
    ),
)

"""The platform's own prices: published in versions, effective from a date, never edited."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

from ledger.domain.errors import UnknownTariff
from ledger.domain.operations import Kind

WhenShort: TypeAlias = Literal["due", "reject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """The units of an operation above the first `above` ones cost `unit_price` (EAML) each."""

    above: int
    unit_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """One published version of the tariff.

    Prices are EAML per cell or line, the commission is a fraction of the gross, the rate is EAML per USD,
    and the credit limit is the EAML that a user may owe. `bands` are the prices of units beyond the first
    band, by kind; `commission_rates` are those of the kinds that have their own.
    """

    version: int
    effective_from: datetime
    training_cell_eaml: Decimal
    training_counts_epochs: bool
    solving_line_eaml: Decimal
    solving_with_api_line_eaml: Decimal
    commission_rate: Decimal
    eaml_per_usd: Decimal
    credit_limit_eaml: Decimal
    when_short: Mapping[Kind, WhenShort]
    commission_rates: Mapping[Kind, Decimal] = field(default_factory=dict)
    bands: Mapping[Kind, tuple[Band, ...]] = field(default_factory=dict)
    overrides: tuple[int, ...] = ()
    """The versions of the overrides that were applied to it, in order."""
    _scales: Mapping[Kind, tuple[Band, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        scales = {
            kind: (Band(above=0, unit_price=getattr(self, term)), *self.bands.get(kind, ()))
            for kind, term in PRICE_TERMS.items()
        }
        object.__setattr__(self, "_scales", scales)

    @classmethod
    def from_terms(cls, version: int, effective_from: datetime, terms: Mapping[str, Any]) -> "Tariff":
        """Return the tariff of stored terms, decimal strings by name. Raises KeyError if one is missing."""
        return cls(
            version=version,
            effective_from=effective_from,
            training_cell_eaml=Decimal(terms["training_cell_eaml"]),
            training_counts_epochs=bool(terms["training_counts_epochs"]),
            solving_line_eaml=Decimal(terms["solving_line_eaml"]),
            solving_with_api_line_eaml=Decimal(terms["solving_with_api_line_eaml"]),
            commission_rate=Decimal(terms["commission_rate"]),
            eaml_per_usd=Decimal(terms["eaml_per_usd"]),
            credit_limit_eaml=Decimal(terms["credit_limit_eaml"]),
            when_short={Kind(kind): rule for kind, rule in terms["when_short"].items()},
            commission_rates=_rates(terms.get("commission_rates", {})),
            bands=_bands(terms.get("bands", {})),
        )

    def overridden(self, override: "Override") -> "Tariff":
        """Return the tariff with the terms of an override. Terms by kind are replaced kind by kind.

        An override with a price for a kind removes the bands of that kind, unless it has bands as well.
        """
        terms = override.terms
        changes: dict[str, Any] = {name: Decimal(terms[name]) for name in _NUMBERS if name in terms}
        if "training_counts_epochs" in terms:
            changes["training_counts_epochs"] = bool(terms["training_counts_epochs"])
        priced = {kind for kind, name in PRICE_TERMS.items() if name in terms}
        bands = {kind: bands for kind, bands in self.bands.items() if kind not in priced}
        rules = {Kind(kind): rule for kind, rule in terms.get("when_short", {}).items()}
        return replace(
            self,
            **changes,
            when_short={**self.when_short, **rules},
            commission_rates={**self.commission_rates, **_rates(terms.get("commission_rates", {}))},
            bands={**bands, **_bands(terms.get("bands", {}))},
            overrides=(*self.overrides, override.version),
        )

    def bands_of(self, kind: Kind) -> tuple[Band, ...]:
        """Return the ascending bands of a kind of compute. Raises KeyError for another kind."""
        return self._scales[kind]

    def commission_of(self, kind: Kind) -> Decimal:
        """Return the fraction that the platform keeps of a sale of a kind."""
        return self.commission_rates.get(kind, self.commission_rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A version with some terms of a tariff, by name, for one user or the members of one team.

    An override without terms ends the one before it.
    """

    version: int
    effective_from: datetime
    user: int | None
    team: int | None
    terms: Mapping[str, Any]


PRICE_TERMS: Final[Mapping[Kind, str]] = {
    Kind.TRAINING: "training_cell_eaml",
    Kind.SOLVING: "solving_line_eaml",
    Kind.SOLVING_WITH_API: "solving_with_api_line_eaml",
}
"""By kind of compute: the term with the price of the first units."""

_NUMBERS: Final = (*PRICE_TERMS.values(), "commission_rate", "eaml_per_usd", "credit_limit_eaml")

# A fresh installation publishes these as tariff 1.
DEFAULT_TERMS: Final[Mapping[str, Any]] = {
    "training_cell_eaml": "0.00001000",
    "training_counts_epochs": False,
    "solving_line_eaml": "0.00010000",
    "solving_with_api_line_eaml": "0.00012000",
    "commission_rate": "0.20000000",
    "eaml_per_usd": "100.00000000",
    "credit_limit_eaml": "1000.00000000",
    "when_short": {"training": "due", "solving": "due", "solving_with_api": "due"},
}


def in_force(tariffs: Sequence[Tariff], at: datetime) -> Tariff:
    """Return the tariff in force at a time. Raises `UnknownTariff` if there was none.

    `tariffs` are in the order of `effective_from`, then version.
    """
    for tariff in reversed(tariffs):
        if tariff.effective_from <= at:
            return tariff
    raise UnknownTariff(f"no tariff was in force at {at.isoformat()}")


def with_overrides(tariff: Tariff, overrides: Sequence[Override], at: datetime) -> Tariff:
    """Return the tariff in force for a user at a time.

    The user's own override wins over a team's, and a team's over the tariff for all. `overrides` are those
    of the user and of their teams, in the order of `effective_from`, then version. The latest override in
    force counts for each team, and among teams the latest of these.
    """
    latest: dict[tuple[int | None, int | None], Override] = {}
    for override in overrides:
        if override.effective_from <= at:
            latest.pop((override.user, override.team), None)
            latest[override.user, override.team] = override
    teams = [override for override in latest.values() if override.team is not None]
    own = [override for override in latest.values() if override.user is not None]
    for override in (*teams[-1:], *own):
        tariff = tariff.overridden(override)
    return tariff


def split(bands: Sequence[Band], quantity: int, *, after: int = 0) -> list[int]:
    """Return how many of `quantity` units fall into each band, after `after` units that came before them.

    `bands` are ascending, and the first begins at 0.
    """
    ends = [*(band.above for band in bands[1:]), after + quantity]
    upto = after + quantity
    return [max(0, min(end, upto) - max(band.above, after)) for band, end in zip(bands, ends, strict=True)]


def _rates(terms: Mapping[str, str]) -> dict[Kind, Decimal]:
    return {Kind(kind): Decimal(rate) for kind, rate in terms.items()}


def _bands(terms: Mapping[str, Iterable[Mapping[str, Any]]]) -> dict[Kind, tuple[Band, ...]]:
    return {
        Kind(kind): tuple(Band(above=band["above"], unit_price=Decimal(band["unit_price"])) for band in bands)
        for kind, bands in terms.items()
    }

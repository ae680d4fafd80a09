"""The platform's own prices: published in versions, effective from a date, never edited."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from ledger.domain.errors import UnknownTariff
from ledger.domain.operations import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """One published version.

    Prices are EAML per cell or line, the commission a fraction of the gross, the rate EAML per USD,
    the credit limit the EAML that a user may owe.
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
    when_short: Mapping[Kind, Literal["due", "reject"]]

    @classmethod
    def from_terms(cls, version: int, effective_from: datetime, terms: Mapping[str, Any]) -> "Tariff":
        """A tariff from its stored terms, decimal strings by name. Raises KeyError if one is missing."""
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
        )


# What a fresh install publishes as tariff 1.
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
    """The tariff in force at a time. `tariffs` are in the order of `effective_from`, then version."""
    for tariff in reversed(tariffs):
        if tariff.effective_from <= at:
            return tariff
    raise UnknownTariff(f"no tariff was in force at {at.isoformat()}")

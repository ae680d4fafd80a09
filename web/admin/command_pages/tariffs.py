"""Command pages of tariffs: propose a version for everyone, or terms for a user or a team."""

from collections.abc import Mapping
from typing import Any, Final, get_args

from typing_extensions import override

from ledger.queries import tariffs
from ledger.requests import tariffs as terms
from web.admin.command_pages.command_page import CommandPage
from web.admin.command_pages.fields import (
    AmountField,
    BandsField,
    SelectField,
)
from web.admin.formatting import spaced

_COMPUTE: Final[tuple[str, ...]] = get_args(terms.Compute)
_SALES: Final[tuple[str, ...]] = get_args(terms.Sale)
_BY_KIND: Final = ("when_short", "commission_rates", "bands")
_NUMBERS: Final = (
    *("training_cell_eaml", "solving_line_eaml", "solving_with_api_line_eaml"),
    *("commission_rate", "eaml_per_usd", "credit_limit_eaml"),
)
_OWN_RATE_HELP = "Leave empty to use the commission above."


class _TermsPage(CommandPage):
    """The base of both, with a field for each term."""

    training_cell_eaml = AmountField("", label="Training, per cell (EAML)", required=False)
    training_counts_epochs = SelectField(
        {"": "–", "no": "no", "yes": "yes"}, label="Multiply the training price by epochs", required=False
    )
    solving_line_eaml = AmountField("", label="Solving, per line (EAML)", required=False)
    solving_with_api_line_eaml = AmountField("", label="Solving with API, per line (EAML)", required=False)
    commission_rate = AmountField(
        "", label="Commission on sales", required=False, help_text="A fraction: 0.2 means 20 %."
    )
    eaml_per_usd = AmountField("", label="EAML per USD", required=False)
    credit_limit_eaml = AmountField("", label="Credit limit (EAML)", required=False)

    def __init__(self, *data: Any, **options: Any) -> None:
        super().__init__(*data, **options)
        rules = {"": "–", "due": "becomes due", "reject": "is rejected"}
        for kind in _COMPUTE:
            label = _label(kind)
            title = label[0].upper() + label[1:]
            self.fields[f"when_short_{kind}"] = SelectField(
                rules, label=f"{title} that the balance does not cover", required=False
            )
            self.fields[f"bands_{kind}"] = BandsField(label=f"Price bands ({label})")
        for kind in _SALES:
            self.fields[f"commission_rates_{kind}"] = AmountField(
                "", label=f"Commission ({_label(kind)})", required=False, help_text=_OWN_RATE_HELP
            )
        self.fields |= {name: self.fields.pop(name) for name in ("reason_code", "reason")}  # last

    @classmethod
    def initial_values(cls, query: Mapping[str, str]) -> dict[str, Any]:
        """Return also the terms of the version that the parameter `like` names."""
        like = query.get("like", "")
        found = tariffs.find(int(like)) if like.isdecimal() else None
        return {**query, **({} if found is None else _field_values(found.terms))}

    @override
    def body_values(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        """Return the terms that were filled in, with those by kind nested under the term."""
        given = {name: value for name, value in cleaned.items() if value not in ("", None, [])}
        chosen: dict[str, Any] = {name: given[name] for name in _NUMBERS if name in given}
        if "training_counts_epochs" in given:
            chosen["training_counts_epochs"] = given["training_counts_epochs"] == "yes"
        for term in _BY_KIND:
            by_kind = {
                name.removeprefix(f"{term}_"): value
                for name, value in given.items()
                if name.startswith(f"{term}_")
            }
            if by_kind or term in self.always_sent:
                chosen[term] = by_kind
        return {**super().body_values(cleaned), "terms": chosen}

    always_sent: tuple[str, ...] = ()
    """The terms by kind that are sent even if they are empty."""

    def field_for(self, path: str) -> str:
        """Return the field of a path: `bands_training` for `terms.bands.training.0.above`."""
        parts = path.removeprefix("terms.").split(".")
        return "_".join(parts[:2]) if parts[0] in _BY_KIND else parts[0]


class PublishTariff(_TermsPage):
    """The page for everyone's terms."""

    request = terms.PROPOSE_TARIFF
    always_sent = ("when_short",)


class OverrideTariff(_TermsPage):
    """The page for the terms of one user or team."""

    request = terms.OVERRIDE_TARIFF


def _label(kind: str) -> str:
    return spaced(kind).replace("api", "API")


def _field_values(terms: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the form's fields for stored terms."""
    values: dict[str, Any] = {name: terms[name] for name in _NUMBERS if name in terms}
    if "training_counts_epochs" in terms:
        values["training_counts_epochs"] = "yes" if terms["training_counts_epochs"] else "no"
    for term in _BY_KIND:
        values |= {f"{term}_{kind}": value for kind, value in terms.get(term, {}).items()}
    return values

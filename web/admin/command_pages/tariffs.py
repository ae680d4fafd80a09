"""Doors of tariffs: propose a version for everybody, or terms for a user or a team."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, get_args

from ledger.engine.submission import Submission
from ledger.queries import tariffs
from ledger.requests import by_people, terms
from ledger.requests.four_eyes import role_of
from web.admin.command_pages.command_page import CommandPage
from web.admin.command_pages.fields import (
    AmountField,
    BandsField,
    ChosenField,
    MomentField,
    ReasonField,
    TextField,
    UserField,
    WholeField,
)

_COMPUTE: Final[tuple[str, ...]] = get_args(terms.Compute)
_SALES: Final[tuple[str, ...]] = get_args(terms.Sale)
_BY_KIND: Final = ("when_short", "commission_rates", "bands")
_NUMBERS: Final = (
    *("training_cell_eaml", "solving_line_eaml", "solving_with_api_line_eaml"),
    *("commission_rate", "eaml_per_usd", "credit_limit_eaml"),
)
_OWN = "Empty: the commission above."


class _Terms(CommandPage):
    """What both share: the terms, a field each."""

    permission = "ledger.add_publishedtariff"

    effective_from = MomentField(
        label="In force from (UTC)", required=False, help_text="Empty: from when it is approved."
    )
    training_cell_eaml = AmountField("", label="Training, a cell (EAML)", required=False)
    training_counts_epochs = ChosenField(
        {"": "–", "no": "no", "yes": "yes"}, label="Training, times its epochs", required=False
    )
    solving_line_eaml = AmountField("", label="Solving, a line (EAML)", required=False)
    solving_with_api_line_eaml = AmountField("", label="Solving with API, a line (EAML)", required=False)
    commission_rate = AmountField("", label="Commission of a sale", required=False, help_text="0.2 is 20 %.")
    eaml_per_usd = AmountField("", label="EAML for 1 USD", required=False)
    credit_limit_eaml = AmountField("", label="Credit limit (EAML)", required=False)
    reason_code = TextField(help_text="A short name to count by: new-prices, agreement.")
    reason = ReasonField()

    def __init__(self, *data: Any, **options: Any) -> None:
        super().__init__(*data, **options)
        rules = {"": "–", "due": "becomes due", "reject": "is rejected"}
        for kind in _COMPUTE:
            said = _said(kind)
            self.fields[f"when_short_{kind}"] = ChosenField(
                rules, label=f"Where the payer of {said} is short, it", required=False
            )
            self.fields[f"bands_{kind}"] = BandsField(label=f"Further bands of {said}")
        for kind in _SALES:
            self.fields[f"commission_rates_{kind}"] = AmountField(
                "", label=f"Commission of {_said(kind)}", required=False, help_text=_OWN
            )
        last = {name: self.fields.pop(name) for name in ("reason_code", "reason")}
        self.fields |= last

    @classmethod
    def filled(cls, given: Mapping[str, str]) -> dict[str, Any]:
        """Of the version that `like` names, if any, its terms."""
        like = given.get("like", "")
        found = tariffs.find(int(like)) if like.isdecimal() else None
        return {**given, **({} if found is None else _flat(found.terms))}

    def values(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        """The terms that were filled in, those by kind each under its kind."""
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
            if by_kind or term in self.always:
                chosen[term] = by_kind
        return {**super().values(cleaned), "terms": chosen}

    always: tuple[str, ...] = ()
    """The terms by kind that are sent though they are empty."""

    def field_of(self, path: str) -> str:
        """`terms.bands.training.0.above` is filled in at `bands_training`."""
        parts = path.removeprefix("terms.").split(".")
        return "_".join(parts[:2]) if parts[0] in _BY_KIND else parts[0]

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As over HTTP, in the role of the person."""
        return by_people.propose_tariff(self.read, role=role_of(self.person), now=now, **who)


class PublishTariff(_Terms):
    """Propose a version of the tariff for everybody. Somebody else publishes it by approving.

    It is never edited, and does not take effect before it is published.
    """

    name = "publish-tariff"
    title = "Publish a tariff"
    body = terms.Tariff
    always = ("when_short",)


class OverrideTariff(_Terms):
    """Propose terms of a single user, or of the members of a team, in the place of the tariff's.

    What is left empty stays as it is; without any term, the tariff counts again.
    """

    name = "override-tariff"
    title = "Publish terms of a user or a team"
    body = terms.TariffOverride

    user = UserField(required=False)
    team = WholeField(required=False, help_text="Id. A user or a team.")


def _said(kind: str) -> str:
    return kind.replace("_", " ").replace("api", "API")


def _flat(found: Mapping[str, Any]) -> dict[str, Any]:
    """Stored terms as the form has them."""
    flat: dict[str, Any] = {name: found[name] for name in _NUMBERS if name in found}
    if "training_counts_epochs" in found:
        flat["training_counts_epochs"] = "yes" if found["training_counts_epochs"] else "no"
    for term in _BY_KIND:
        flat |= {f"{term}_{kind}": value for kind, value in found.get(term, {}).items()}
    return flat

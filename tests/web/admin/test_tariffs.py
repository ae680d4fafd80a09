"""Tariffs: proposed on a command page, approved in the inbox, listed with the operations they priced."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from ledger.models import ProposedChange, PublishedTariff
from models.billing import Operation
from tests import builders as make
from tests import commands as do
from tests.projections import world as worlds
from tests.projections.world import World

PUBLISH = "/admin/doors/publish-tariff/"


def _like(client: Client, version: int) -> dict[str, Any]:
    """Return the initial values of the page to which a version's button leads."""
    button = f"/admin/ledger/publishedtariff/{version}/publish-tariff/"
    form = client.get(client.get(button).headers["Location"]).context["form"]
    return {name: value for name in form.fields if (value := form[name].value()) is not None}


def test_the_button_of_a_version_fills_in_its_terms(admin: Client, world: World) -> None:
    """Bands are lines. Sent unchanged, the values give the same terms."""
    made = make.recorded(
        do.propose_tariff(
            bands={"solving": [{"above": 10, "unit_price": "0.00005000"}]},
            commission_rates={"machine_copy": "0.10000000"},
        )
    )
    version = make.recorded(do.approve(made.id, subject="tariff")).data["version"]
    filled = _like(admin, version)
    assert filled["bands_solving"] == "10 0.00005000"
    assert filled["commission_rates_machine_copy"] == "0.10000000"
    sent = filled | {"reason_code": "again", "reason": "the same", "confirm": "yes"}
    assert admin.post(PUBLISH, sent).status_code == 302
    proposed = ProposedChange.objects.latest("pk").kept["body"]
    assert proposed["terms"] == PublishedTariff.objects.get(version=version).terms


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("commission_rate", "1.5", "a commission rate is at most 1, the whole amount"),
        ("commission_rates_buy_data_source", "2", "a commission rate is at most 1, the whole amount"),
        ("training_cell_eaml", "-1", "the amount must not be below zero"),
        ("eaml_per_usd", "", "is required"),
        (
            "bands_training",
            "many 0.1",
            "each line must be a whole number of units and a price: 1000000 0.00008",
        ),
        ("bands_training", "10 0.1\n10 0.2", "each band must begin above the one before it"),
        ("bands_training", "10 0.1234567890", "an amount has at most 8 decimals"),
    ],
)
def test_an_invalid_term_is_reported_at_its_field(
    admin: Client, world: World, field: str, value: str, message: str
) -> None:
    """The value may be at any depth in the body."""
    sent = _like(admin, 1) | {"reason_code": "x", "reason": "y", field: value, "confirm": "yes"}
    before = ProposedChange.objects.count()
    assert message in str(admin.post(PUBLISH, sent).context["form"].errors[field])
    assert ProposedChange.objects.count() == before


def test_an_approved_tariff_is_published_and_prices_operations(admin: Client, world: World) -> None:
    """The inbox describes the proposal; the tariff's page counts and lists the operations it priced."""
    user = make.fund(make.make_user(), eaml=10)
    proposal = make.recorded(do.propose_tariff(solving_line_eaml="0.00030000"))
    inbox = admin.get("/admin/ledger/proposedchange/").content.decode()
    assert "tariff for everyone from approval: solving line eaml 0.00030000<" in inbox
    sent = {"key": str(uuid4()), "proposal": proposal.id, "confirm": "yes"}
    result = admin.post("/admin/doors/approve/", sent).headers["Location"]
    version = PublishedTariff.objects.latest("version").version
    assert result == f"/admin/ledger/publishedtariff/{version}/change/"
    operation = make.recorded(make.solving(world.machine, user=user, lines=10_000))
    assert operation.data["transfers"][0]["amount"] == "3.00000000"
    worlds.project()
    assert f"1 operation</a>, up to position {operation.position}" in admin.get(result).content.decode()
    listed = admin.get("/admin/models/operation/", {"tariff": version}).context["cl"].result_list
    assert [str(each.pk) for each in listed] == [operation.id]
    others = admin.get("/admin/models/operation/", {"tariff": 1}).context["cl"].result_list
    assert operation.id not in {str(each.pk) for each in others}
    assert len(others) > 1


def test_operations_are_listed_by_the_terms_of_a_user(admin: Client, world: World) -> None:
    """An operation is found by the user's own version, which its page names next to the tariff."""
    user = make.fund(make.make_user(), eaml=10)
    made = make.recorded(do.propose_tariff(user=user, solving_line_eaml="0.00010000"))
    version = make.recorded(do.approve(made.id, subject="tariff")).data["version"]
    operation = make.recorded(make.solving(world.machine, user=user, lines=10))
    listed = admin.get("/admin/models/operation/", {"tariff": version}).context["cl"].result_list
    assert [str(each.pk) for each in listed] == [operation.id]
    assert f"with overrides {version}" in (
        admin.get(f"/admin/models/operation/{operation.id}/change/").content.decode()
    )
    assert f"user {user.pk}" in admin.get("/admin/ledger/publishedtariff/").content.decode()
    assert Operation.objects.filter(pk=operation.id).exists()

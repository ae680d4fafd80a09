"""Tariffs over HTTP: proposed by one key, approved by another, shown to those they apply to."""

from collections.abc import Mapping
from typing import Any, get_args

import pytest
from django.utils import timezone

from ledger.domain.operations import MARKET, Kind
from ledger.domain.tariff import DEFAULT_TERMS
from ledger.requests import tariffs as terms
from models import Team
from projections.catalog import PROJECTIONS
from projections.runner import Runner
from tests import builders as make
from tests.builders import make_user
from tests.projections.world import settle
from tests.web.api.command_routes import World, make_world, send
from tests.web.api.conftest import Response, everything, refused, service, users_own


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def tariff(**terms: Any) -> dict[str, Any]:
    return {
        "terms": {**DEFAULT_TERMS, **terms},
        "reason_code": "prices",
        "reason": "the servers cost more",
    }


def override(**change: Any) -> dict[str, Any]:
    body = {"reason_code": "contract", "reason": "signed", "terms": {"solving_line_eaml": "0.00005"}}
    return {**body, **change}


def publish(world: World, path: str, body: Mapping[str, Any]) -> Response:
    """Propose a version with one key and approve it with the other."""
    proposed = send(world, path, body)
    assert proposed.status_code == 202, proposed.json()
    proposal = proposed.json()["proposal"]
    approved = send(world, f"/v1/tariffs/proposals/{proposal}/approve", None, api=world.other)
    assert approved.status_code == 201, approved.json()
    return approved


def test_a_version_is_proposed_approved_and_shown(world: World) -> None:
    """It takes effect on approval, and the event names proposer and approver."""
    bands = {"solving": [{"above": 1000, "unit_price": "0.00008"}]}
    approved = publish(world, "/v1/tariffs", tariff(bands=bands, commission_rates={"machine_copy": "0.1"}))
    assert (approved.json()["kind"], approved.json()["transfers"]) == ("tariff", [])
    assert approved.json()["proposer"] != approved.json()["resolver"]
    shown = world.api.get("/v1/tariffs/2").json()
    assert (shown["version"], shown["user"], shown["team"]) == (2, None, None)
    assert shown["effective_from"] == shown["published_at"] == approved.json()["recorded_at"]
    assert shown["terms"] == {
        **DEFAULT_TERMS,
        "bands": {"solving": [{"above": 1000, "unit_price": "0.00008000"}]},
        "commission_rates": {"machine_copy": "0.10000000"},
    }
    listed = world.api.get("/v1/tariffs").json()["items"]
    assert [item["version"] for item in listed] == [2, 1]
    assert {"operations": None, **listed[0]} == {**shown, "operations": None}


def test_commission_rates_are_of_known_kinds() -> None:
    """A version with another kind could not be read."""
    kinds = set(get_args(terms.Sale))
    assert {Kind(kind) for kind in kinds} > MARKET
    found = make.tariff(commission_rates=dict.fromkeys(kinds, "0.1"))
    assert {str(kind) for kind in found.commission_rates} == kinds


def test_a_quote_shows_the_bands_and_overrides_of_its_price(world: World) -> None:
    """They are shown as in the event."""
    publish(world, "/v1/tariffs", tariff(bands={"solving": [{"above": 1000, "unit_price": "0"}]}))
    publish(world, "/v1/tariffs/overrides", override(user=world.user.pk))
    asked = {
        "type": "solving",
        "operation_user": world.user.pk,
        "machine": world.machine.pk,
        "count_of_lines": 1500,
    }
    quoted = world.api.post("/v1/operations/quote", asked).json()
    assert quoted["cost"] == {"EAML": "0.07500000"}
    assert quoted["decision"]["pricing"] == {
        "tariff": 2,
        "overrides": [3],
        "unit_price": "0.00005000",
        "quantity": 1500,
    }
    other = world.api.post("/v1/operations/quote", {**asked, "operation_user": make_user().pk}).json()
    assert other["decision"]["pricing"]["bands"] == [
        {"above": 0, "unit_price": "0.00010000", "quantity": 1000},
        {"above": 1000, "unit_price": "0.00000000", "quantity": 500},
    ]


def test_overrides_are_listed_by_user_and_team(world: World) -> None:
    team = Team.objects.create(name="cheap", admin_user=world.user)
    publish(world, "/v1/tariffs/overrides", override(user=world.user.pk))
    publish(world, "/v1/tariffs/overrides", override(team=team.pk, terms={}))
    paths = ("", f"?user={world.user.pk}", f"?team={team.pk}", f"?user={make_user().pk}")
    found = [world.api.get(f"/v1/tariffs/overrides{path}").json()["items"] for path in paths]
    assert [[item["version"] for item in items] for items in found] == [[3, 2], [2], [3], []]
    assert (found[0][0]["team"], found[0][0]["terms"]) == (team.pk, {})
    assert world.api.get("/v1/tariffs").json()["items"][0]["version"] == 1
    refused(world.api.get("/v1/tariffs/overrides?owner=1"), 400, "unknown_parameter", "owner")


def test_a_users_key_sees_general_versions_and_the_users_overrides(world: World) -> None:
    """It sees no usage and no overrides of others."""
    other = make_user()
    for user in (world.user, other):
        publish(world, "/v1/tariffs/overrides", override(user=user.pk))
    own = users_own(world.user)
    assert [own.get(f"/v1/tariffs/{version}").status_code for version in (1, 2, 3)] == [200, 200, 404]
    assert "operations" not in own.get("/v1/tariffs/1").json()
    assert own.get("/v1/tariffs").status_code == 200
    refused(own.get("/v1/tariffs/overrides"), 403, "forbidden")
    refused(own.get("/v1/tariffs/4"), 404, "not_found")


def test_a_version_shows_how_many_operations_it_priced(world: World) -> None:
    """Operations with an override count for both versions, up to the shown position."""
    publish(world, "/v1/tariffs/overrides", override(user=world.user.pk))
    Runner(PROJECTIONS).catch_up(settle())
    before = world.api.get("/v1/tariffs/1").json()["operations"]["count"]
    assert before > 0  # the world has sold a copy
    for _ in range(3):
        make.recorded(make.solving(world.machine, user=world.user, lines=1))
    position = settle()
    Runner(PROJECTIONS).catch_up(position)
    shown = {version: world.api.get(f"/v1/tariffs/{version}").json()["operations"] for version in (1, 2)}
    assert shown == {
        1: {"count": before + 3, "position": position},
        2: {"count": 3, "position": position},
    }


@pytest.mark.parametrize(
    ("path", "body", "code", "field"),
    [
        ("/v1/tariffs", {**tariff(), "terms": {}}, "missing_field", "terms.training_cell_eaml"),
        ("/v1/tariffs", tariff(solving_line_eaml="-1"), "amount_is_negative", "terms.solving_line_eaml"),
        ("/v1/tariffs", tariff(solving_line_eaml=0.1), "amount_is_float", "terms.solving_line_eaml"),
        ("/v1/tariffs", tariff(eaml_per_usd="0"), "amount_not_positive", "terms.eaml_per_usd"),
        ("/v1/tariffs", tariff(commission_rate="1.00000001"), "out_of_range", "terms.commission_rate"),
        (
            "/v1/tariffs",
            tariff(commission_rates={"machine_copy": "2"}),
            "out_of_range",
            "terms.commission_rates.machine_copy",
        ),
        (
            "/v1/tariffs",
            tariff(commission_rates={"training": "0"}),
            "unknown_value",
            "terms.commission_rates.training.[key]",
        ),
        ("/v1/tariffs", tariff(price="1"), "unknown_field", "terms.price"),
        (
            "/v1/tariffs",
            tariff(bands={"solving": [{"above": 0, "unit_price": "1"}]}),
            "out_of_range",
            "terms.bands.solving.0.above",
        ),
        (
            "/v1/tariffs",
            tariff(bands={"solving": [{"above": 9, "unit_price": "1"}, {"above": 9, "unit_price": "2"}]}),
            "invalid_value",
            "terms.bands.solving",
        ),
        ("/v1/tariffs", {**tariff(), "effective_from": "2027-01-01"}, "invalid_time", "effective_from"),
        ("/v1/tariffs/overrides", override(), "missing_field", None),
        ("/v1/tariffs/overrides", override(user=1, team=1), "missing_field", None),
        ("/v1/tariffs/overrides", override(user=1, terms={"price": "1"}), "unknown_field", "terms.price"),
        ("/v1/tariffs/overrides", override(team=10**12), "unknown_team", "team"),
        ("/v1/tariffs/overrides", override(user=10**12), "undecided", "user"),
    ],
)
def test_invalid_terms_are_refused(world: World, path: str, body: Any, code: str, field: str | None) -> None:
    """The problem names the field, and nothing is written."""
    before = everything()
    answer = send(world, path, body)
    refused(answer, 409 if code == "undecided" else 422, code, field)
    assert everything() == before


def test_a_version_cannot_take_effect_in_the_past(world: World) -> None:
    body = {**tariff(), "effective_from": timezone.now().isoformat()}
    refused(send(world, "/v1/tariffs", body), 422, "effective_in_the_past", "effective_from")


def test_only_administrators_propose(world: World) -> None:
    writer = service("ledger:read", "ledger:write")
    for path, body in (("/v1/tariffs", tariff()), ("/v1/tariffs/overrides", override(user=world.user.pk))):
        refused(send(world, path, body, api=writer), 403, "forbidden")
    refused(writer.get("/v1/tariffs/proposals"), 403, "forbidden")


def test_proposals_are_listed_under_their_subject(world: World) -> None:
    """They are not among the adjustments, cannot be approved there, and not by a service at all."""
    proposal = send(world, "/v1/tariffs", tariff()).json()["proposal"]
    (item,) = world.api.get("/v1/tariffs/proposals").json()["items"]
    assert (item["id"], item["subject"], item["operation_user"]) == (proposal, "tariff", None)
    assert item["body"] == {
        "effective_from": None,
        "user": None,
        "team": None,
        "terms": dict(DEFAULT_TERMS),
    }
    listed = world.api.get("/v1/adjustments/proposals").json()["items"]
    assert [each["id"] for each in listed] == [world.proposal]
    path = f"/v1/adjustments/proposals/{proposal}/approve"
    refused(send(world, path, None, api=world.other), 404, "proposal_unknown")
    refused(send(world, f"/v1/tariffs/proposals/{proposal}/approve", None), 403, "forbidden")

"""Reversals over HTTP."""

from typing import Any
from uuid import uuid4

import pytest

from tests import commands as do
from tests.builders import on_user, recorded, short
from tests.web.api.command_routes import TOKEN, World, make_world, place, send
from tests.web.api.conftest import everything, refused


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def test_sale_is_reversed_in_parts(world: World) -> None:
    """Reversals are possible until nothing is left of the sale."""
    path = f"/v1/operations/{world.sale}/reversals"
    first = send(world, path, {"amount": "2", "reason": "broken"}).json()
    assert (first["kind"], first["reverses"], first["final"]) == ("reversal", world.sale, False)
    assert send(world, path, {"reason": "broken"}).json()["final"] is True
    assert on_user(world.user)[0] == 100
    problem = refused(send(world, path, {"reason": "broken"}), 422, "nothing_left_to_reverse")
    assert problem["details"] == {"operation": world.sale, "left": "0.00000000"}


@pytest.mark.parametrize(
    ("setting", "owes", "account"), [("due", "4", "user"), ("loss", "0", "platform:losses:usd")]
)
def test_setting_decides_who_bears_money_that_the_seller_has_spent(
    world: World, settings: Any, setting: str, owes: str, account: str
) -> None:
    """The seller owes it, or it is the platform's loss."""
    settings.LEDGER_SPENT_BY_PAYEE = setting
    seller = world.machine.machine_owner_user
    recorded(do.adjust(seller, "usd", "-4"))
    answer = send(world, f"/v1/operations/{world.sale}/reversals", {"reason": "broken"}).json()
    assert answer["transfers"][0]["debit"].startswith(account)
    dues = world.api.get(f"/v1/users/{seller.pk}/dues").json()
    assert short(dues["usd"]["balance"]) == owes


def test_unknown_operation_cannot_be_reversed(world: World) -> None:
    """404 with nothing written, also for the id of a hold or a proposal."""
    rejected = send(world, "/v1/holds", place(world, count_of_lines=91 * TOKEN)).json()
    assert rejected["code"] == "insufficient_funds"
    before = everything()
    for operation in (uuid4(), world.hold, world.proposal):
        answer = send(world, f"/v1/operations/{operation}/reversals", {"reason": "r"})
        refused(answer, 404, "unknown_operation")
    refused(send(world, "/v1/operations/7/reversals", {"reason": "r"}), 404, "not_found")
    assert everything() == before

"""Debts and credit limits over HTTP."""

import pytest

from tests.builders import make_user
from tests.web.api.command_routes import TOKEN, World, adjustment, make_world, send
from tests.web.api.conftest import refused, users_own


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def test_dues_are_shown_with_age_and_limit(world: World) -> None:
    """A service and the user see them."""
    send(world, f"/v1/users/{world.user.pk}/credit-limit", {"limit": "5"})
    operation = {
        "type": "solving",
        "operation_user": world.user.pk,
        "machine": world.machine.pk,
        "count_of_lines": 93 * TOKEN,
    }
    assert send(world, "/v1/operations", operation).status_code == 201
    path = f"/v1/users/{world.user.pk}/dues"
    found = world.api.get(path).json()
    assert (found["user"], found["eaml"]["balance"], found["eaml"]["up_to_30"]) == (
        world.user.pk,
        "3.00000000",
        "3.00000000",
    )
    assert found["eaml"]["credit_limit"] == "5.00000000"
    assert found["eaml"]["oldest"] is not None
    assert (found["usd"]["balance"], found["usd"]["oldest"]) == ("0.00000000", None)
    assert users_own(world.user).get(path).json() == found
    refused(users_own(make_user()).get(path), 404, "not_found")
    refused(world.api.get(f"/v1/users/{10**12}/dues"), 404, "not_found")
    refused(send(world, "/v1/operations", operation), 422, "credit_limit_exceeded")
    send(world, f"/v1/users/{world.user.pk}/credit-limit", {"limit": None})
    assert world.api.get(path).json()["eaml"]["credit_limit"] is None
    assert send(world, "/v1/operations", operation).status_code == 201


def test_debt_is_written_off_by_an_adjustment(world: World) -> None:
    send(world, "/v1/adjustments", adjustment(world, account="due:eaml", amount="3"))
    body = adjustment(world, account="due:eaml", direction="down", amount="2", reason_code="write_off")
    answer = send(world, "/v1/adjustments", body).json()
    assert answer["transfers"][0]["debit"] == "platform:losses:eaml"
    assert world.api.get(f"/v1/users/{world.user.pk}/dues").json()["eaml"]["balance"] == "1.00000000"

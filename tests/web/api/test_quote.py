"""Quotes: the result of recording an operation, with nothing written."""

from typing import Any

import pytest

from models import User
from tests.builders import fund, make_machine, make_user
from tests.web.api.conftest import Api, bill, everything, refused, top_up
from web.api.shapes import Quote


def ask(api: Api, operation: Any) -> dict[str, Any]:
    """Return the answer to a quote, which must not change any table."""
    api.get("/v1/operations")
    before = everything()
    response = api.post("/v1/operations/quote", operation)
    assert everything() == before
    assert response.status_code == 200, response.content
    Quote.model_validate(response.json())
    return dict(response.json())


def test_a_quote_has_price_transfers_and_balances(api: Api) -> None:
    """In a sale the buyer pays the price and the seller gets it less the commission."""
    seller, buyer = make_user(), fund(make_user(), usd=10)
    machine = make_machine(seller, api="0.5")
    operation = {
        "type": "solving_with_api_market",
        "operation_user": buyer.pk,
        "machine": machine.pk,
        "count_of_lines": 4,
    }
    answer = ask(api, operation)
    assert answer["outcome"] == "recorded"
    assert answer["cost"] == {"USD": "2.00000000"}
    decision = answer["decision"]
    assert decision["pricing"]["unit_price"] == "0.50000000"
    assert [pair["amount"] for pair in decision["transfers"]] == ["1.60000000", "0.40000000"]
    assert decision["accounts"][f"user:{buyer.pk}:usd"]["balance"] == "8.00000000"
    assert decision["accounts"][f"user:{seller.pk}:usd"]["balance"] == "1.60000000"
    recorded = api.record(operation).json()
    for name in ("kind", "payer", "machine_owner", "pricing", "transfers", "accounts"):
        assert recorded[name] == decision[name]


def test_cost_of_compute_includes_what_becomes_due(api: Api, user: User) -> None:
    """The cost is the amount paid plus the amount owed."""
    fund(user, eaml="0.01")
    machine = make_machine(user, columns=2)
    training = {
        "type": "training",
        "operation_user": user.pk,
        "machine": machine.pk,
        "count_of_lines": 1000,
    }
    answer = ask(api, training)
    assert answer["cost"] == {"EAML": "0.02000000"}
    assert answer["decision"]["accounts"][f"user:{user.pk}:due:eaml"]["balance"] == "0.01000000"


def test_paying_a_debt_down_costs_nothing(api: Api, user: User) -> None:
    """A transfer between two accounts of the payer is not a cost."""
    machine = make_machine(user, columns=1)
    api.record(
        {"type": "training", "operation_user": user.pk, "machine": machine.pk, "count_of_lines": 1_000_000}
    )
    fund(user, usd=5)
    answer = ask(api, bill(user, "1"))
    assert answer["cost"] == {"USD": "1.00000000"}
    assert answer["decision"]["accounts"][f"user:{user.pk}:due:eaml"]["balance"] == "0.00000000"


def test_money_that_comes_in_costs_nothing(api: Api, user: User) -> None:
    """A payment takes nothing from an account of the payer."""
    assert ask(api, top_up(user))["cost"] == {}


def test_a_quote_has_the_reason_of_a_rejection(api: Api, user: User) -> None:
    """The rejection has its details, and nothing is charged."""
    answer = ask(api, bill(user, "3"))
    assert answer["outcome"] == "rejected"
    assert answer["decision"]["rejection"]["code"] == "insufficient_funds"
    assert answer["decision"]["rejection"]["available"] == "0.00000000"
    assert answer["cost"] == {}


def test_a_quote_of_a_purchase_that_is_not_for_sale_is_rejected(api: Api, user: User) -> None:
    """Recording would refuse it with nothing written."""
    machine = make_machine(make_user())
    purchase = {"type": "buy_data_source", "operation_user": user.pk, "machine": machine.pk}
    assert ask(api, purchase)["decision"]["rejection"]["code"] == "not_for_sale"


def test_a_quote_for_an_unknown_user_is_undecided(api: Api, user: User) -> None:
    """It has the problem that recording would answer with."""
    answer = ask(api, top_up(user.pk + 1000))
    assert answer["outcome"] == "undecided"
    assert answer["problem"]["code"] == "undecided"
    assert answer["problem"]["retryable"] is True


@pytest.mark.parametrize("body", [b"", b"{", b"[]"])
def test_a_quote_of_an_invalid_body_is_refused(api: Api, nothing_written: None, body: bytes) -> None:
    """The errors are those of recording."""
    response = api.post("/v1/operations/quote", body)
    assert response.status_code in {400, 422}
    refused(response, response.status_code, response.json()["code"])

"""The client's HTTP publisher against the server itself, over a socket."""

from decimal import Decimal

import pytest
from pytest_django.live_server_helper import LiveServer

from easyautoml_ledger import CreditFromUser, PayABill
from easyautoml_ledger.http_publisher import HttpPublisher, LedgerProblem
from tests.builders import make_user
from tests.web.api.conftest import service

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_the_client_sends_is_recorded_once(live_server: LiveServer) -> None:
    """Published, published again, asked for, and refused: each as the client promises it."""
    user = make_user()
    publisher = HttpPublisher(url=live_server.url, api_key=service().token or "")
    payment = CreditFromUser(operation_user=user.pk, amount=Decimal("2.5"), payment_reference="pi_1")
    first = publisher.publish(payment, id="payment-1")
    again = publisher.publish(payment, id="payment-1")
    assert (first.replayed, again.replayed) == (False, True)
    assert first.body == again.body
    assert publisher.quote(PayABill(operation_user=user.pk, amount=Decimal(1)))["cost"] == {
        "USD": "1.00000000"
    }
    with pytest.raises(LedgerProblem) as refusal:
        publisher.publish(PayABill(operation_user=user.pk, amount=Decimal(3)), id="bill-1")
    problem = refusal.value
    assert (problem.status, problem.code, problem.retryable) == (422, "insufficient_funds", False)
    assert problem.operation is not None
    assert problem.details["available"] == "2.50000000"


def test_a_key_that_is_not_valid_is_a_problem_of_the_clients(live_server: LiveServer) -> None:
    """Told at once, and not tried again."""
    publisher = HttpPublisher(url=live_server.url, api_key="ledger_00000000_" + "x" * 43)
    with pytest.raises(LedgerProblem, match="unauthenticated"):
        publisher.publish(PayABill(operation_user=1, amount=Decimal(1)))

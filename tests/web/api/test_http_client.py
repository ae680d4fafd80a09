"""The client's HTTP publisher against the real server, over a socket."""

from decimal import Decimal

import pytest
from pytest_django.live_server_helper import LiveServer

from easyautoml_ledger import CreditFromUser, PayABill
from easyautoml_ledger.http_publisher import HttpPublisher, LedgerProblem
from tests.builders import make_user
from tests.web.api.conftest import service

pytestmark = pytest.mark.django_db(transaction=True)


def test_operation_of_the_client_is_recorded_once(live_server: LiveServer) -> None:
    """Publish, publish again, quote and be refused: each works as the client documents it."""
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


def test_an_invalid_key_raises_a_problem(live_server: LiveServer) -> None:
    """It is raised at once, without a retry."""
    publisher = HttpPublisher(url=live_server.url, api_key="ledger_00000000_" + "x" * 43)
    with pytest.raises(LedgerProblem, match="unauthenticated"):
        publisher.publish(PayABill(operation_user=1, amount=Decimal(1)))

"""Payouts and chargebacks over a broker: requested on one topic, answered on another, keyed by the user."""

from decimal import Decimal
from uuid import UUID, uuid4

from easyautoml_ledger import CreditFromUser, topics
from easyautoml_ledger.chargebacks import Chargeback
from easyautoml_ledger.message import Incoming
from easyautoml_ledger.outcomes import (
    OperationRejected,
    OperationReversed,
    PayoutFailedOutcome,
    PayoutPaidOutcome,
    PayoutRequestedOutcome,
)
from easyautoml_ledger.payloads import encode
from easyautoml_ledger.payouts import PayoutFailed, PayoutPaid, PayoutRequested
from models import User
from tests.builders import amount
from tests.events.kafka.world import (
    Publisher,
    Sent,
    heard,
    ingesting,
    parked,
    relaying,
    wait_for,
    wait_until_published,
)


def send(publisher: Publisher, payload: Incoming, user: User) -> Sent:
    """Send a message of the marketplace, keyed by the user."""
    event = publisher.event(
        topics.MARKETPLACE_OPERATIONS,
        encode(payload),
        type=payload.event_type,
        source=topics.MARKETPLACE_SERVICE,
    )
    return publisher.send(topics.MARKETPLACE_OPERATIONS, event, key=str(user.pk).encode())


def request(publisher: Publisher, payout: UUID, user: User, usd: int) -> Sent:
    payload = PayoutRequested(payout=payout, operation_user=user.pk, amount=Decimal(usd))
    return send(publisher, payload, user)


def test_marketplace_learns_the_outcomes_of_its_payouts(publisher: Publisher, user: User) -> None:
    """They say whether the money may be sent, was sent, or is available again; keyed by the user."""
    paid, failed, refused = uuid4(), uuid4(), uuid4()
    with ingesting(), relaying():
        asked = request(publisher, paid, user, 60)
        confirmation = PayoutPaid(payout=paid, payment_reference="po_1")
        send(publisher, confirmation, user)
        request(publisher, failed, user, 30)
        send(publisher, PayoutFailed(payout=failed, reason="cancelled"), user)
        request(publisher, refused, user, 41)
        wait_for(5)
        wait_until_published()
    messages = heard(topics.BILLING_OPERATIONS)
    published = [message for message in messages if message.payload.command.get("payout")]
    assert {message.key for message in published} == {str(user.pk).encode()}
    first, second, third, fourth, last = (message.payload for message in published)
    assert isinstance(first, PayoutRequestedOutcome)
    assert (first.payout, first.request_id, first.payer) == (paid, asked.id, user.pk)
    assert (first.amount, first.currency) == (amount(60), "USD")
    assert first.account(f"user:{user.pk}:usd").available == amount(40)
    assert isinstance(second, PayoutPaidOutcome)
    assert (second.amount, second.account(f"user:{user.pk}:usd").held) == (amount(60), amount(0))
    assert [transfer.credit for transfer in second.transfers] == ["clearing:payments:usd"]
    assert "payment_reference" not in second.command
    assert isinstance(third, PayoutRequestedOutcome)
    assert isinstance(fourth, PayoutFailedOutcome)
    assert fourth.account(f"user:{user.pk}:usd").available == amount(40)
    assert isinstance(last, OperationRejected)
    assert (last.kind, last.rejection.code) == ("payout", "insufficient_funds")
    assert parked() == []


def test_marketplace_learns_the_outcome_of_a_chargeback(publisher: Publisher, user: User) -> None:
    """It names the payment by the provider's reference, which is never published."""
    paid = CreditFromUser(operation_user=user.pk, amount=Decimal(50), payment_reference="pi_1")
    dispute = Chargeback(payment_reference="pi_1", amount=Decimal(20), reason="stolen")
    with ingesting(), relaying():
        send(publisher, paid, user)
        wait_for(1)
        sent = send(publisher, dispute, user)
        wait_for(2)
        wait_until_published()
    payment, taken = (message.payload for message in heard(topics.BILLING_OPERATIONS)[-2:])
    assert isinstance(taken, OperationReversed)
    assert (taken.kind, taken.reverses, taken.final) == ("chargeback", payment.operation, False)
    assert (taken.request_id, taken.payer) == (sent.id, user.pk)
    assert [transfer.amount for transfer in taken.transfers] == [amount(20)]
    assert "payment_reference" not in taken.command
    assert parked() == []

"""The fake behaves like the real publisher and listener."""

import inspect
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest

from easyautoml_ledger import PayABill, Training
from easyautoml_ledger.chargebacks import Chargeback
from easyautoml_ledger.fake import FakeLedger
from easyautoml_ledger.holds import HoldVoided
from easyautoml_ledger.inbox import OutcomeTimeout
from easyautoml_ledger.listeners import OutcomeListener
from easyautoml_ledger.outcomes import AccountState, OperationRecorded, OperationRejected, Transfer
from easyautoml_ledger.payouts import PayoutRequested
from easyautoml_ledger.publication import Payload, Publication, PublishFailed
from easyautoml_ledger.publisher import Publisher
from easyautoml_ledger.reference import User

SOURCE = "/services/training"
BILL = PayABill.model_validate({"operation_user": 43, "amount": "12.50"})
MOVED = Transfer(
    debit="user:43:usd", credit="platform:revenue:usd", currency="USD", amount=Decimal("12.50000000")
)


@pytest.fixture
def ledger() -> FakeLedger:
    return FakeLedger(source=SOURCE)


@pytest.mark.parametrize(
    ("name", "real"),
    [
        *((name, Publisher) for name in ("publish", "send", "flush", "close")),
        ("wait_for", OutcomeListener),
    ],
)
def test_the_fake_has_the_signatures_of_the_real_methods(name: str, real: type) -> None:
    """A call that works with the fake is valid for the real one."""
    assert inspect.signature(getattr(FakeLedger, name)) == inspect.signature(getattr(real, name))


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (BILL, "pay_a_bill"),
        (PayoutRequested(payout=uuid4(), operation_user=43, amount=Decimal(5)), "payout"),
        (Chargeback(payment_reference="pi_1", reason="stolen"), "chargeback"),
        (HoldVoided(hold=uuid4(), reason="lost"), "hold"),
    ],
)
def test_a_rejection_has_the_kind_that_the_ledger_gives_it(
    ledger: FakeLedger, payload: Payload, kind: str
) -> None:
    """The kind follows from the class of the payload."""
    publication = ledger.publish(payload, key=43)
    assert ledger.reject(publication, "insufficient_funds").kind == kind


def test_reference_data_has_no_outcome(ledger: FakeLedger) -> None:
    """The ledger answers requests only."""
    user = User(id=43, version=1, changed_at=datetime(2026, 1, 31, tzinfo=UTC))
    publication = ledger.publish(user)
    with pytest.raises(ValueError, match="no outcome"):
        ledger.record(publication)


def test_publications_are_kept(ledger: FakeLedger) -> None:
    """They are in order, and each is kept once, even if it is sent again."""
    first = ledger.publish(BILL)
    second = ledger.publish(Training(operation_user=1, machine=7, count_of_lines=5), key=42)
    ledger.send([first])
    assert ledger.publications == [first, second]
    assert (first.source, first.key, second.key) == (SOURCE, "43", "42")


def test_record_sets_the_outcome(ledger: FakeLedger) -> None:
    """The outcome has the given transfers and accounts."""
    publication = ledger.publish(BILL)
    with pytest.raises(OutcomeTimeout):
        ledger.wait_for(publication.id)
    state = AccountState(balance=Decimal(3), held=Decimal(0), version=2)
    ledger.record(publication, transfers=[MOVED], accounts={"user:43:usd": state})
    outcome = ledger.wait_for(publication.id)
    assert isinstance(outcome, OperationRecorded)
    assert (outcome.transfers, outcome.payer, outcome.position) == ((MOVED,), 43, 1)
    assert outcome.account("user:43:usd").balance == 3
    assert outcome.command == {"type": "pay_a_bill", "operation_user": 43, "amount": "12.50000000"}


def test_reject_sets_the_outcome(ledger: FakeLedger) -> None:
    """The outcome has the given code and details."""
    publication = ledger.publish(BILL)
    ledger.reject(publication, "insufficient_funds", details={"available": "1.00000000"})
    outcome = ledger.wait_for(publication.id)
    assert isinstance(outcome, OperationRejected)
    assert outcome.rejection.code == "insufficient_funds"
    assert outcome.rejection.details == {"available": "1.00000000"}


def test_a_rule_answers_each_publication() -> None:
    """None from the rule leaves a publication without an outcome."""

    def rule(publication: Publication) -> OperationRecorded | None:
        return ruled.record(publication) if publication.key == "43" else None

    ruled = FakeLedger(source=SOURCE, answer_with=rule)
    assert ruled.wait_for(ruled.publish(BILL).id).payer == 43
    left_open = ruled.publish(BILL, key=44)
    with pytest.raises(OutcomeTimeout):
        ruled.wait_for(left_open.id)


def test_a_broken_broker_makes_flush_raise() -> None:
    """The error has the publications, which can be sent again."""
    ledger = FakeLedger(source=SOURCE)
    ledger.broken = True
    publication = ledger.publish(BILL)
    with pytest.raises(PublishFailed) as caught:
        ledger.flush()
    assert caught.value.publications == (publication,)
    ledger.broken = False
    ledger.send(caught.value.publications)
    ledger.flush()
    assert ledger.publications == [publication]


def test_leaving_the_with_block_flushes() -> None:
    """A broken broker is reported there, as by the real publisher."""
    ledger = FakeLedger(source=SOURCE)
    ledger.broken = True
    with pytest.raises(PublishFailed), ledger:
        ledger.publish(BILL)

"""Chargebacks on the real database: concurrent ones, ones that wait for their payment, and deleted users."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from easyautoml_ledger import topics
from easyautoml_ledger.chargebacks import Chargeback
from easyautoml_ledger.message import Incoming
from easyautoml_ledger.operations import CreditFromUser
from events.models import Note
from ledger.engine.posting import post, quote
from models import User
from projections.verification import verify
from tests import builders as make
from tests import commands as do
from tests.builders import adjustment, balances, code_of, counts, make_user, post_one, recorded, transfers
from tests.connections import together
from tests.ledger.intake.test_hold_messages import message, swept, taken, waits

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def verified_afterwards(transactional_db: None) -> Iterator[None]:
    """Check after each test that `verify` finds no mismatch."""
    yield
    found: list[str] = []
    verify(report=lambda mismatch: found.append(str(mismatch)))
    assert found == []


def test_reference_names_its_payment_in_chargebacks(user: User) -> None:
    """Only a payment uses up a reference; a chargeback just names it, and a second one is a conflict."""
    payment = recorded(make.top_up(user, 50, reference="pi_1", payment_provider="stripe"))
    first = recorded(do.charge_back(reference="pi_1", provider="stripe", value=20))
    outcome = post_one(do.charge_back(reference="pi_1", provider="stripe", value=1))
    assert code_of(outcome) == "already_disputed"
    assert outcome.event is not None
    assert outcome.event.data["rejection"]["first"] == first.id
    recorded(do.adjust(user, "usd", -1, about=payment.id))
    assert balances(user)[f"user:{user.pk}:usd"] == 129


def test_quote_of_a_chargeback_writes_nothing(user: User) -> None:
    """The quote shows what would become due."""
    recorded(make.top_up(user, 50, reference="pi_1"))
    recorded(make.bill(user, 120))
    before = counts()
    outcome = quote(do.charge_back(reference="pi_1"))
    assert outcome.event is not None
    assert [amount for _, _, amount in transfers(outcome.event.data)] == ["30", "20"]
    assert counts() == before


def test_concurrent_chargebacks_and_reversals_never_exceed_the_payment(user: User) -> None:
    """Of six of them over 20 out of 50, at most one chargeback is among those that are recorded."""
    payment = recorded(make.top_up(user, 50, reference="pi_1")).id
    asked = [do.charge_back(reference="pi_1", value=20) for _ in range(3)]
    asked += [do.reverse(payment, 20) for _ in range(3)]
    outcomes = together(*(lambda each=each: post_one(each) for each in asked))
    taken_back = sum(
        Decimal(each.event.data["amount"])
        for each in outcomes
        if each.event is not None and each.status == "recorded"
    )
    assert balances(user)[f"user:{user.pk}:usd"] == 150 - taken_back
    assert taken_back in {40, 50}
    kinds = [each.event.data["kind"] for each in outcomes if each.event and each.status == "recorded"]
    assert (kinds.count("chargeback"), kinds.count("reversal")) in {(1, 1), (1, 2)}


def test_erased_reference_finds_no_payment(user: User) -> None:
    """The id of the operation still finds it."""
    payment = recorded(make.top_up(user, 50, reference="pi_1")).id
    Note.objects.filter(event_id=payment).update(salt=None, text=None)
    assert code_of(post_one(do.charge_back(reference="pi_1"))) == "undecided"
    recorded(do.charge_back(payment))


@pytest.mark.parametrize("at_once", [1, 3])
def test_chargeback_of_a_deleted_user_is_the_loss_of_the_platform(at_once: int) -> None:
    """The provider has taken the money, and there is no user left to owe it."""
    leaving = make_user()
    recorded(make.top_up(leaving, 50, reference="pi_1"))
    recorded(adjustment(leaving, "usd", -50))
    leaving.delete()
    outcomes = together(
        *(lambda: post_one(do.charge_back(reference="pi_1", value=30)) for _ in range(at_once))
    )
    done = [outcome for outcome in outcomes if outcome.status == "recorded"]
    assert len(done) == 1
    assert done[0].event is not None
    assert transfers(done[0].event.data) == [("platform:losses:usd", "clearing:payments:usd", "30")]
    assert done[0].event.data["accounts"] == {}


def test_messages_of_the_marketplace(user: User) -> None:
    """A chargeback that arrives before its payment waits, even if one batch has both."""

    def sent(payload: Incoming) -> Any:
        topic, source = topics.MARKETPLACE_OPERATIONS, topics.MARKETPLACE_SERVICE
        return message(payload.event_type, payload, topic=topic, source=source)

    dispute = Chargeback(payment_reference="pi_1", reason="stolen", amount=Decimal(10))
    payment = CreditFromUser(operation_user=user.pk, amount=Decimal(50), payment_reference="pi_1")
    assert taken(sent(dispute), sent(payment)) == {"waiting": 1, "recorded": 1}
    assert len(waits()) == 1
    assert swept() == {"recorded": 1}
    assert balances(user)[f"user:{user.pk}:usd"] == 140
    assert taken(sent(dispute)) == {"rejected": 1}


def test_waiting_chargeback_is_not_released_by_other_payments(user: User) -> None:
    """It waits for the payment with its own reference."""
    dispute = Chargeback(payment_reference="pi_1", reason="stolen")
    assert taken(
        message(
            Chargeback.event_type,
            dispute,
            topic=topics.MARKETPLACE_OPERATIONS,
            source=topics.MARKETPLACE_SERVICE,
        )
    ) == {"waiting": 1}
    post([make.top_up(user, 1, reference=f"pi_{number}") for number in range(2, 40)])
    assert swept() == {}

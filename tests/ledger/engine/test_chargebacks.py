"""Chargebacks on the real database: racing, waiting for their payment, and of users who are gone."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from easyautoml_ledger import topics
from easyautoml_ledger.chargebacks import Chargeback
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
def books_agree(transactional_db: None) -> Iterator[None]:
    """Whatever a test does, `verify` finds nothing afterwards."""
    yield
    found: list[str] = []
    verify(report=lambda mismatch: found.append(str(mismatch)))
    assert found == []


def test_partial_chargebacks_by_one_reference(user: User) -> None:
    """A reference names the payment as often as it is charged back, and is used by the payment alone."""
    recorded(make.top_up(user, 50, reference="pi_1", payment_provider="stripe"))
    for value in (20, 30):
        recorded(do.charge_back(reference="pi_1", provider="stripe", value=value))
    outcome = post_one(do.charge_back(reference="pi_1", provider="stripe", value=1))
    assert code_of(outcome) == "nothing_left_to_reverse"
    assert balances(user)[f"user:{user.pk}:usd"] == 100


def test_dry_run_of_a_chargeback_writes_nothing(user: User) -> None:
    """It says what would be due."""
    recorded(make.top_up(user, 50, reference="pi_1"))
    recorded(make.bill(user, 120))
    before = counts()
    outcome = quote(do.charge_back(reference="pi_1"))
    assert outcome.event is not None
    assert [amount for _, _, amount in transfers(outcome.event.data)] == ["30", "20"]
    assert counts() == before


def test_chargebacks_and_reversals_at_once(user: User) -> None:
    """Of one payment: never more than was paid in."""
    payment = recorded(make.top_up(user, 50, reference="pi_1")).id
    asked = [do.charge_back(reference="pi_1", value=20) for _ in range(3)]
    asked += [do.reverse(payment, 20) for _ in range(3)]
    outcomes = together(*(lambda each=each: post_one(each) for each in asked))
    assert sorted(map(code_of, outcomes)) == ["nothing_left_to_reverse"] * 4 + ["recorded"] * 2
    assert balances(user)[f"user:{user.pk}:usd"] == 110


def test_erased_reference_names_nothing_any_more(user: User) -> None:
    """The operation still does."""
    payment = recorded(make.top_up(user, 50, reference="pi_1")).id
    Note.objects.filter(event_id=payment).update(salt=None, text=None)
    assert code_of(post_one(do.charge_back(reference="pi_1"))) == "undecided"
    recorded(do.charge_back(payment))


@pytest.mark.parametrize("at_once", [1, 3])
def test_payment_of_a_user_who_is_gone_is_the_platforms_loss(at_once: int) -> None:
    """The provider has taken it, and nobody is left to owe it."""
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
    """One that comes before its payment waits, also in the batch that has both."""

    def sent(type_: str, payload: Any) -> Any:
        return message(type_, payload, topic=topics.MARKETPLACE_OPERATIONS, source=topics.MARKETPLACE_SERVICE)

    dispute = Chargeback(payment_reference="pi_1", reason="stolen", amount=Decimal(10))
    payment = CreditFromUser(operation_user=user.pk, amount=Decimal(50), payment_reference="pi_1")
    assert taken(sent(topics.CHARGEBACK, dispute), sent(topics.OPERATION, payment)) == {
        "waiting": 1,
        "recorded": 1,
    }
    assert len(waits()) == 1
    assert swept() == {"recorded": 1}
    assert balances(user)[f"user:{user.pk}:usd"] == 140
    assert taken(sent(topics.CHARGEBACK, dispute)) == {"recorded": 1}
    again = Chargeback(payment_reference="pi_1", reason="stolen", amount=Decimal(31))
    assert taken(sent(topics.CHARGEBACK, again)) == {"rejected": 1}


def test_chargeback_that_waits_for_nothing_else(user: User) -> None:
    """Another payment does not let it go."""
    dispute = Chargeback(payment_reference="pi_1", reason="stolen")
    assert taken(
        message(
            topics.CHARGEBACK,
            dispute,
            topic=topics.MARKETPLACE_OPERATIONS,
            source=topics.MARKETPLACE_SERVICE,
        )
    ) == {"waiting": 1}
    post([make.top_up(user, 1, reference=f"pi_{number}") for number in range(2, 40)])
    assert swept() == {}

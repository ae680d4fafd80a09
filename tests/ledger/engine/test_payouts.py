"""Payouts on the real database: the money is held, leaves once, and cannot be spent meanwhile."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.utils import timezone

from easyautoml_ledger import topics
from easyautoml_ledger.payouts import PayoutFailed, PayoutMessage, PayoutPaid, PayoutRequested
from ledger.engine.posting import post, quote
from ledger.engine.submission import Outcome, Submission
from ledger.models import RequestedPayout
from ledger.queries.balances import balances as balances_of
from ledger.queries.balances import balances_as_of
from models import Machine, User
from projections.rebuild_balances import rebuild_balances
from projections.verification import verify
from tests import builders as make
from tests import commands as do
from tests.builders import balances, code_of, counts, make_user, post_one, recorded, short
from tests.connections import Held, Worker, together, until, waits_for_a_lock
from tests.ledger.intake.test_hold_messages import message, swept, taken, waits

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def verified_afterwards(transactional_db: None) -> Iterator[None]:
    """Check after each test that `verify` finds no mismatch."""
    yield
    found: list[str] = []
    verify(report=lambda mismatch: found.append(str(mismatch)))
    assert found == []


def shown(user: User) -> tuple[str, str, str]:
    """Return balance, held and available of the user in USD."""
    found = balances_of(user.pk, at=timezone.now())
    assert found is not None
    usd = found.accounts["usd"]
    return short(usd.balance), short(usd.held), short(usd.available)


def test_payout_is_requested_and_paid(user: User) -> None:
    """The money is held until it leaves, also in balances as of a past time."""
    payout = str(uuid4())
    recorded(do.request_payout(user, 80, payout=payout))
    assert shown(user) == ("100", "80", "20")
    requested_at = timezone.now()
    event = recorded(do.pay(payout, reference="po_1"))
    assert shown(user) == ("20", "0", "20")
    assert RequestedPayout.objects.get(pk=payout).state == "paid"
    assert event.type == "payout.paid"
    then = balances_as_of(user.pk, at=requested_at)
    assert then is not None
    assert (short(then.accounts["usd"].balance), short(then.accounts["usd"].held)) == ("100", "80")


def test_expired_hold_does_not_release_a_payout(user: User, machine: Machine) -> None:
    """Tokens and USD are held independently."""
    soon = timezone.now() + timedelta(seconds=1)
    recorded(do.place(machine, user=user, lines=10_000, expires_at=soon))
    recorded(do.request_payout(user, 80))
    found = balances_of(user.pk, at=soon + timedelta(seconds=1))
    assert found is not None
    assert (short(found.accounts["usd"].held), short(found.accounts["eaml"].held)) == ("80", "0")


def test_rejected_payout_leaves_its_id_free(user: User) -> None:
    """After a top-up the same payout can be requested with a new key."""
    payout = str(uuid4())
    assert code_of(post_one(do.request_payout(user, 101, payout=payout))) == "insufficient_funds"
    assert not RequestedPayout.objects.exists()
    recorded(make.top_up(user, 1))
    recorded(do.request_payout(user, 101, payout=payout))


def test_quote_of_a_payout_holds_nothing(user: User) -> None:
    """The quote shows the outcome and writes nothing."""
    before = counts()
    assert quote(do.request_payout(user, 80)).status == "recorded"
    assert code_of(quote(do.request_payout(user, 101))) == "insufficient_funds"
    assert counts() == before
    assert shown(user) == ("100", "0", "100")


def test_payout_is_requested_and_paid_in_one_batch(user: User) -> None:
    """If the request is rejected, its confirmation is undecided, as it would be in a batch of its own."""
    first, second = str(uuid4()), str(uuid4())
    outcomes = post(
        [
            do.request_payout(user, 60, payout=first),
            do.pay(first),
            do.request_payout(user, 60, payout=second),
            do.pay(second),
        ]
    )
    assert [code_of(outcome) for outcome in outcomes] == [
        "recorded",
        "recorded",
        "insufficient_funds",
        "undecided",
    ]
    assert shown(user) == ("40", "0", "40")


def test_lost_payouts_are_restored(user: User) -> None:
    """A rebuild restores the payout and the held amount from the log."""
    payout = str(uuid4())
    recorded(do.request_payout(user, 80, payout=payout))
    RequestedPayout.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("update ledger_account set held = 0 where held > 0")
    assert rebuild_balances() == 2
    assert shown(user) == ("100", "80", "20")
    recorded(do.pay(payout))


def test_user_with_a_payout_is_not_deleted(user: User) -> None:
    """The money is on the account until the payout is paid."""
    recorded(do.request_payout(user, 100))
    with pytest.raises(Exception, match="cannot be deleted"):
        user.delete()


def test_messages_of_the_marketplace(user: User) -> None:
    """A confirmation that arrives before its request waits for it."""
    payout, other = uuid4(), uuid4()

    def sent(payload: PayoutMessage) -> Any:
        topic, source = topics.MARKETPLACE_OPERATIONS, topics.MARKETPLACE_SERVICE
        return message(payload.event_type, payload, topic=topic, source=source)

    assert taken(sent(PayoutPaid(payout=payout, payment_reference="po_1"))) == {"waiting": 1}
    assert waits() == [f"payout:{payout}"]
    assert swept() == {}
    asked = PayoutRequested(payout=payout, operation_user=user.pk, amount=Decimal(30))
    assert taken(sent(asked)) == {"recorded": 1}
    assert swept() == {"recorded": 1}
    assert shown(user) == ("70", "0", "70")
    asked = PayoutRequested(payout=other, operation_user=user.pk, amount=Decimal(30))
    failed = PayoutFailed(payout=other, reason="cancelled")
    assert taken(sent(asked), sent(failed)) == {"recorded": 2}
    assert shown(user) == ("70", "0", "70")
    much = PayoutRequested(payout=uuid4(), operation_user=user.pk, amount=Decimal(71))
    assert taken(sent(much)) == {"rejected": 1}


Race = Callable[[Submission, Submission, Held], tuple[Outcome, Outcome]]


@pytest.fixture
def race(held: Held) -> Race:
    """Posts two submissions; the second arrives while the first holds all its locks."""

    def run(one: Submission, other: Submission, held: Held) -> tuple[Outcome, Outcome]:
        first = Worker(lambda: post([one], hook=held))
        assert held.reached.wait(10)
        second = Worker(lambda: post_one(other))
        until(waits_for_a_lock)
        held.let_go.set()
        return first.answer()[0], second.answer()

    return run


@pytest.mark.parametrize("first", ["payout", "spend"])
def test_money_is_held_or_spent_but_not_both(user: User, race: Race, held: Held, first: str) -> None:
    """The first of the two gets the same 100 USD."""
    payout, spend = do.request_payout(user, 80), make.bill(user, 80)
    one, other = race(*((payout, spend) if first == "payout" else (spend, payout)), held)
    assert (code_of(one), code_of(other)) == ("recorded", "insufficient_funds")
    assert shown(user)[2] == "20"


def test_concurrent_confirmations_pay_a_payout_once(user: User, race: Race, held: Held) -> None:
    """Two workers of the sender may confirm it under two keys; the money leaves once."""
    payout = str(uuid4())
    recorded(do.request_payout(user, 80, payout=payout))
    one, other = race(do.pay(payout, reference="po_1"), do.pay(payout, reference="po_1"), held)
    assert (code_of(one), code_of(other)) == ("recorded", "payout_resolved")
    assert shown(user) == ("20", "0", "20")


@pytest.mark.parametrize("first", ["paid", "failed"])
def test_first_result_of_a_payout_counts(user: User, race: Race, held: Held, first: str) -> None:
    """Paid and failed arrive at once; the first is recorded."""
    payout = str(uuid4())
    recorded(do.request_payout(user, 80, payout=payout))
    paid, failed = do.pay(payout), do.fail(payout)
    one, other = race(*((paid, failed) if first == "paid" else (failed, paid)), held)
    assert (code_of(one), code_of(other)) == ("recorded", "payout_resolved")
    assert RequestedPayout.objects.get(pk=payout).state == first


def test_concurrent_payouts_with_one_reference_are_paid_once(user: User) -> None:
    """The payouts belong to two users who share no lock."""
    other = make_user()
    recorded(make.top_up(other, 50))
    ids = [str(uuid4()) for _ in range(2)]
    post([do.request_payout(each, 50, payout=id_) for each, id_ in zip((user, other), ids, strict=True)])
    outcomes = together(*(lambda id_=id_: post_one(do.pay(id_, reference="po_1")) for id_ in ids))
    assert sorted(map(code_of, outcomes)) == ["payment_reference_used", "recorded"]
    assert sum(balances(user, other).values()) == 100 + 100 + 50 - 50


def test_two_users_cannot_request_the_same_payout(user: User) -> None:
    """The id becomes the payout of one of them."""
    other = make_user()
    recorded(make.top_up(other, 50))
    payout = str(uuid4())
    outcomes = together(
        *(lambda each=each: post_one(do.request_payout(each, 50, payout=payout)) for each in (user, other))
    )
    assert sorted(map(code_of, outcomes)) == ["payout_exists", "recorded"]
    assert RequestedPayout.objects.get().pk == UUID(payout)

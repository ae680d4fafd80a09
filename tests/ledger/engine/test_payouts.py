"""Payouts on the real database: set aside, ended once, never spent meanwhile, and never paid twice."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.utils import timezone

from easyautoml_ledger import topics
from easyautoml_ledger.payouts import PayoutFailed, PayoutPaid, PayoutRequested
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
def books_agree(transactional_db: None) -> Iterator[None]:
    """Whatever a test does, `verify` finds nothing afterwards."""
    yield
    found: list[str] = []
    verify(report=lambda mismatch: found.append(str(mismatch)))
    assert found == []


def shown(user: User) -> tuple[str, str, str]:
    """USD: balance, held, available."""
    found = balances_of(user.pk, at=timezone.now())
    assert found is not None
    usd = found.accounts["usd"]
    return short(usd.balance), short(usd.held), short(usd.available)


def test_payout_is_requested_and_paid(user: User) -> None:
    """The money is held until it leaves, also in what balances as of a time say."""
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


def test_overdue_hold_takes_nothing_off_a_payout(user: User, machine: Machine) -> None:
    """Tokens that are no longer held are none of the money that is."""
    soon = timezone.now() + timedelta(seconds=1)
    recorded(do.place(machine, user=user, lines=10_000, expires_at=soon))
    recorded(do.request_payout(user, 80))
    found = balances_of(user.pk, at=soon + timedelta(seconds=1))
    assert found is not None
    assert (short(found.accounts["usd"].held), short(found.accounts["eaml"].held)) == ("80", "0")


def test_rejected_payout_leaves_its_id_free(user: User) -> None:
    """There was no payout; after a top-up the same one may be asked for under a new key."""
    payout = str(uuid4())
    assert code_of(post_one(do.request_payout(user, 101, payout=payout))) == "insufficient_funds"
    assert not RequestedPayout.objects.exists()
    recorded(make.top_up(user, 1))
    recorded(do.request_payout(user, 101, payout=payout))


def test_dry_run_of_a_payout_holds_nothing(user: User) -> None:
    """It says what would be."""
    before = counts()
    assert quote(do.request_payout(user, 80)).status == "recorded"
    assert code_of(quote(do.request_payout(user, 101))) == "insufficient_funds"
    assert counts() == before
    assert shown(user) == ("100", "0", "100")


def test_requested_and_paid_in_one_batch(user: User) -> None:
    """Where the request is rejected, what ends it waits: as it would by itself."""
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


def test_lost_payouts_come_back(user: User) -> None:
    """From the log, with what is held."""
    payout = str(uuid4())
    recorded(do.request_payout(user, 80, payout=payout))
    RequestedPayout.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("update ledger_account set held = 0 where held > 0")
    assert rebuild_balances() == 2
    assert shown(user) == ("100", "80", "20")
    recorded(do.pay(payout))


def test_user_with_a_payout_is_not_deleted(user: User) -> None:
    """Money is on his account until it has left."""
    recorded(do.request_payout(user, 100))
    with pytest.raises(Exception, match="cannot be deleted"):
        user.delete()


def test_messages_of_the_marketplace(user: User) -> None:
    """What comes before its request waits for it."""
    payout, other = uuid4(), uuid4()

    def sent(type_: str, payload: Any) -> Any:
        return message(type_, payload, topic=topics.MARKETPLACE_OPERATIONS, source=topics.MARKETPLACE_SERVICE)

    assert taken(sent(topics.PAYOUT_PAID, PayoutPaid(payout=payout, payment_reference="po_1"))) == {
        "waiting": 1
    }
    assert waits() == [f"payout:{payout}"]
    assert swept() == {}
    asked = PayoutRequested(payout=payout, operation_user=user.pk, amount=Decimal(30))
    assert taken(sent(topics.PAYOUT_REQUESTED, asked)) == {"recorded": 1}
    assert swept() == {"recorded": 1}
    assert shown(user) == ("70", "0", "70")
    asked = PayoutRequested(payout=other, operation_user=user.pk, amount=Decimal(30))
    failed = PayoutFailed(payout=other, reason="cancelled")
    assert taken(sent(topics.PAYOUT_REQUESTED, asked), sent(topics.PAYOUT_FAILED, failed)) == {"recorded": 2}
    assert shown(user) == ("70", "0", "70")
    much = PayoutRequested(payout=uuid4(), operation_user=user.pk, amount=Decimal(71))
    assert taken(sent(topics.PAYOUT_REQUESTED, much)) == {"rejected": 1}


Race = Callable[[Submission, Submission, Held], tuple[Outcome, Outcome]]


@pytest.fixture
def race(held: Held) -> Race:
    """Two submissions of which the second comes while the first holds all its locks."""

    def run(one: Submission, other: Submission, held: Held) -> tuple[Outcome, Outcome]:
        first = Worker(lambda: post([one], hook=held))
        assert held.reached.wait(10)
        second = Worker(lambda: post_one(other))
        until(waits_for_a_lock)
        held.let_go.set()
        return first.answer()[0], second.answer()

    return run


@pytest.mark.parametrize("first", ["payout", "spend"])
def test_payout_against_spend(user: User, race: Race, held: Held, first: str) -> None:
    """The same 100 USD are set aside or spent, whichever was first."""
    payout, spend = do.request_payout(user, 80), make.bill(user, 80)
    one, other = race(*((payout, spend) if first == "payout" else (spend, payout)), held)
    assert (code_of(one), code_of(other)) == ("recorded", "insufficient_funds")
    assert shown(user)[2] == "20"


def test_paid_twice_at_once(user: User, race: Race, held: Held) -> None:
    """Under two keys, as two workers of the sender might: the money leaves once."""
    payout = str(uuid4())
    recorded(do.request_payout(user, 80, payout=payout))
    one, other = race(do.pay(payout, reference="po_1"), do.pay(payout, reference="po_1"), held)
    assert (code_of(one), code_of(other)) == ("recorded", "payout_resolved")
    assert shown(user) == ("20", "0", "20")


@pytest.mark.parametrize("first", ["paid", "failed"])
def test_paid_against_failed(user: User, race: Race, held: Held, first: str) -> None:
    """It is what was said first."""
    payout = str(uuid4())
    recorded(do.request_payout(user, 80, payout=payout))
    paid, failed = do.pay(payout), do.fail(payout)
    one, other = race(*((paid, failed) if first == "paid" else (failed, paid)), held)
    assert (code_of(one), code_of(other)) == ("recorded", "payout_resolved")
    assert RequestedPayout.objects.get(pk=payout).state == first


def test_two_payouts_at_once_under_one_reference(user: User) -> None:
    """Of two users: no lock is shared, and yet only one has it."""
    other = make_user()
    recorded(make.top_up(other, 50))
    ids = [str(uuid4()) for _ in range(2)]
    post([do.request_payout(each, 50, payout=id_) for each, id_ in zip((user, other), ids, strict=True)])
    outcomes = together(*(lambda id_=id_: post_one(do.pay(id_, reference="po_1")) for id_ in ids))
    assert sorted(map(code_of, outcomes)) == ["payment_reference_used", "recorded"]
    assert sum(balances(user, other).values()) == 100 + 100 + 50 - 50


def test_one_id_asked_for_by_two_users_at_once(user: User) -> None:
    """It is the payout of one of them."""
    other = make_user()
    recorded(make.top_up(other, 50))
    payout = str(uuid4())
    outcomes = together(
        *(lambda each=each: post_one(do.request_payout(each, 50, payout=payout)) for each in (user, other))
    )
    assert sorted(map(code_of, outcomes)) == ["payout_exists", "recorded"]
    assert RequestedPayout.objects.get().pk == UUID(payout)

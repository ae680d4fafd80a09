"""A provider's payment is recorded once, whatever key, user or worker sends it again."""

from collections.abc import Sequence

import pytest
from django.db import connection

from events.models import Note
from ledger.domain.payment_references import payment_name
from ledger.engine.posting import post, quote
from ledger.engine.submission import Outcome, Submission
from ledger.models import PaymentReference
from models import User
from projections.rebuild_balances import rebuild_balances
from projections.verification import verify
from projections.verification.findings import Mismatch
from tests import builders as make
from tests.builders import balances, code_of, counts, fund, make_user, post_one, recorded
from tests.connections import Held, Worker, together, until, waits_for_a_lock

pytestmark = pytest.mark.django_db(transaction=True)


def recorded_as(outcome: Outcome) -> str:
    """Return the operation that a rejection names as the first use of the reference."""
    assert code_of(outcome) == "payment_reference_used"
    assert outcome.event is not None
    return str(outcome.event.data["rejection"]["recorded_as"])


@pytest.mark.parametrize("who", ["the same user", "another user"])
def test_used_reference_is_rejected_and_the_first_operation_named(user: User, who: str) -> None:
    """Under another key, for any user and any amount: the money came in once."""
    first = recorded(make.top_up(user, 10, reference="pi_1"))
    payer = user if who == "the same user" else make_user()
    before = balances()
    assert recorded_as(post_one(make.top_up(payer, 7, reference="pi_1"))) == first.id
    assert balances() == before


def test_references_of_different_providers_are_different(user: User) -> None:
    """Two providers may use the same name for their payments."""
    first, _ = (
        recorded(make.top_up(user, 10, reference="1", payment_provider=provider))
        for provider in ("bank", "stripe")
    )
    assert balances(user)[f"user:{user.pk}:usd"] == 120
    used = post_one(make.top_up(user, 10, reference="1", payment_provider="bank"))
    assert recorded_as(used) == first.id


def test_a_payment_without_its_provider_may_be_any_providers(user: User) -> None:
    """The same payment, sent once with its provider and once without, is credited once."""
    first = recorded(make.top_up(user, 10, reference="pi_1"))
    assert (
        recorded_as(post_one(make.top_up(user, 10, reference="pi_1", payment_provider="stripe"))) == first.id
    )
    other = recorded(make.top_up(user, 10, reference="pi_2", payment_provider="stripe"))
    assert recorded_as(post_one(make.top_up(user, 10, reference="pi_2"))) == other.id
    batch = [
        make.top_up(user, 10, reference="pi_3"),
        make.top_up(user, 10, reference="pi_3", payment_provider="stripe"),
    ]
    assert [code_of(outcome) for outcome in post(batch)] == ["recorded", "payment_reference_used"]
    assert balances(user)[f"user:{user.pk}:usd"] == 130
    assert mismatches() == []


def test_a_forgotten_payment_leaves_those_of_other_providers(user: User) -> None:
    """Erasing a note takes out the payment that it names."""
    bank, stripe = (
        recorded(make.top_up(user, 10, reference="1", payment_provider=provider))
        for provider in ("bank", "stripe")
    )
    Note.objects.filter(event_id=bank.id).update(salt=None, text=None)
    assert PaymentReference.objects.get().payments == {"stripe": stripe.id}
    assert mismatches() == []
    recorded(make.top_up(user, 10, reference="1", payment_provider="bank"))


def test_second_payment_in_a_batch_is_rejected(user: User) -> None:
    """The batch decides as if they had come one after the other. A duplicate of the first is a replay."""
    other = make_user()
    first = make.top_up(user, 10, reference="pi_1")
    outcomes = post([first, make.top_up(other, 10, reference="pi_1"), first])
    assert outcomes[0].event is not None
    assert recorded_as(outcomes[1]) == outcomes[0].event.id
    assert outcomes[2].replayed
    assert balances(other) == {}


def test_rejected_payment_uses_no_reference(user: User) -> None:
    """A payment that was rejected can still be recorded later."""
    fund(user, usd="999999999000")
    assert code_of(post_one(make.top_up(user, 1000, reference="pi_1"))) == "amount_too_large"
    recorded(make.top_up(make_user(), 1000, reference="pi_1"))


def test_quote_checks_the_reference_without_using_it(user: User) -> None:
    """The quote shows the outcome and writes nothing."""
    assert quote(make.top_up(user, 10, reference="pi_1")).status == "recorded"
    first = recorded(make.top_up(user, 10, reference="pi_1"))
    before = counts()
    assert recorded_as(quote(make.top_up(user, 10, reference="pi_1"))) == first.id
    assert counts() == before


def test_digest_in_the_database_equals_the_digest_in_commands(user: User) -> None:
    """PostgreSQL computes one from the note, and Python the other before posting."""
    reference = "päyment ✓ 1"
    event = recorded(make.top_up(user, 10, reference=reference, payment_provider="bank"))
    stored = PaymentReference.objects.get()
    assert stored.digest == payment_name("credit_from_user", "bank", reference).digest
    assert stored.payments == {"bank": event.id}


def test_erased_note_leaves_nothing_of_its_reference(user: User) -> None:
    """The digest of a guessable text would reveal it, so it is erased too, and a rebuild restores nothing."""
    event = recorded(make.top_up(user, 10, reference="pi_1"))
    other = recorded(make.top_up(user, 10, reference="pi_2"))
    Note.objects.filter(event_id=event.id).update(salt=None, text=None)
    assert [each.payments for each in PaymentReference.objects.all()] == [{"default": other.id}]
    assert rebuild_balances() == 0
    assert mismatches() == []
    recorded(make.top_up(user, 10, reference="pi_1"))


def test_lost_reference_is_found_and_restored(user: User) -> None:
    """It follows from the log and its notes."""
    event = recorded(make.top_up(user, 10, reference="pi_1"))
    PaymentReference.objects.all().delete()
    (found,) = mismatches()
    assert "ledger_payment_reference" in found.where
    assert rebuild_balances() == 1
    assert mismatches() == []
    assert recorded_as(post_one(make.top_up(user, 10, reference="pi_1"))) == event.id


@pytest.mark.parametrize("providers", [("default", "default"), ("default", "stripe"), ("stripe", "default")])
def test_concurrent_payments_with_one_reference_are_recorded_once(
    user: User, held: Held, providers: tuple[str, str]
) -> None:
    """The second waits for the first without a lock taken beforehand, is decided again, and is rejected."""
    other = make_user()
    first_sent, second_sent = (
        make.top_up(payer, 10, reference="pi_1", payment_provider=provider)
        for payer, provider in zip((user, other), providers, strict=True)
    )
    first = Worker(lambda: post([first_sent], hook=held))
    assert held.reached.wait(10)
    second = Worker(lambda: post_one(second_sent))
    until(waits_for_a_lock)
    held.let_go.set()
    (outcome,) = first.answer()
    assert recorded_as(second.answer()) == outcome.event.id
    assert balances(other) == {}


@pytest.mark.usefixtures("no_waiting_for_deadlocks")
def test_workers_with_the_same_references_in_different_orders_never_deadlock(user: User) -> None:
    """Each payment is recorded once."""
    users = [user, *(make_user() for _ in range(3))]
    known = [f"pi_{number}" for number in range(20)]

    def send(worker: int) -> list[Outcome]:
        mine: Sequence[str] = known[worker:] + known[:worker]
        batch: list[Submission] = [make.top_up(users[worker], 1, reference=each) for each in mine]
        return post(batch)

    outcomes = [
        outcome for answers in together(*(lambda n=n: send(n) for n in range(4))) for outcome in answers
    ]
    codes = sorted(code_of(outcome) for outcome in outcomes)
    assert codes == ["payment_reference_used"] * 60 + ["recorded"] * 20
    held_by_users = sum(balances(*users).values())
    assert held_by_users == 200 + 20
    assert mismatches() == []


def mismatches() -> list[Mismatch]:
    """Return everything that `verify` finds."""
    found: list[Mismatch] = []
    verify(report=found.append)
    assert connection.get_autocommit()
    return found

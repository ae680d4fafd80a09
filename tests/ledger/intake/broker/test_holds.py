"""Holds and reversals over a broker: requested on one topic, answered on another, keyed by the payer."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from easyautoml_ledger import topics
from easyautoml_ledger.holds import HoldCaptured, HoldRequested, HoldVoided
from easyautoml_ledger.message import Incoming
from easyautoml_ledger.outcomes import (
    Balance,
    HoldCapturedOutcome,
    HoldExpired,
    HoldPlaced,
    HoldRefused,
    HoldVoidedOutcome,
    OperationReversed,
)
from easyautoml_ledger.payloads import encode
from ledger import expiry
from models import Machine, User
from tests import commands as do
from tests.builders import amount, make_user, recorded, solving
from tests.connections import until
from tests.events.kafka.world import (
    Heard,
    Publisher,
    Sent,
    heard,
    ingesting,
    parked,
    payloads,
    relaying,
    wait_for,
    wait_until_published,
    waiting_for,
)

TRAININGS = topics.TRAINING_OPERATIONS
# A line costs 0.0001 tokens: ten thousand lines are one.
TOKEN = 10_000


def send(publisher: Publisher, payload: Incoming, payer: User) -> Sent:
    """Send a message of the training service, keyed by the payer."""
    event = publisher.event(TRAININGS, encode(payload), type=payload.event_type)
    return publisher.send(TRAININGS, event, key=str(payer.pk).encode())


def request(publisher: Publisher, hold: UUID, user: User, machine: Machine, lines: int, **more: Any) -> Sent:
    payload = HoldRequested(
        hold=hold,
        operation_user=user.pk,
        kind="solving",
        machine=machine.pk,
        count_of_lines=lines,
        expires_at=more.pop("expires_at", timezone.now() + timedelta(hours=1)),
    )
    return send(publisher, payload, user)


def capture(publisher: Publisher, hold: UUID, user: User, lines: int, *, final: bool) -> Sent:
    payload = HoldCaptured(hold=hold, count_of_lines=lines, final=final)
    return send(publisher, payload, user)


def void(publisher: Publisher, hold: UUID, user: User) -> Sent:
    return send(publisher, HoldVoided(hold=hold, reason="the server was lost"), user)


def outcomes(hold: UUID) -> list[Heard]:
    """Return the published outcomes of a hold, in order."""
    return [
        message
        for message in heard(topics.BILLING_OPERATIONS)
        if getattr(message.payload, "hold", "") == hold
    ]


def test_training_service_learns_the_outcomes_of_its_hold(
    publisher: Publisher, user: User, machine: Machine
) -> None:
    """They say whether the work may start, what was paid and what is still held; keyed by the payer."""
    hold, given_up, refused = uuid4(), uuid4(), uuid4()
    poor = make_user()
    with ingesting(), relaying():
        asked = request(publisher, hold, user, machine, 60 * TOKEN)
        capture(publisher, hold, user, 10 * TOKEN, final=False)
        capture(publisher, hold, user, 70 * TOKEN, final=True)
        request(publisher, given_up, user, machine, 5 * TOKEN)
        void(publisher, given_up, user)
        request(publisher, refused, poor, machine, 1)
        wait_for(6)
        wait_until_published()
    placed, part, rest = outcomes(hold)
    assert {message.key for message in (placed, part, rest)} == {str(user.pk).encode()}
    assert [message.event.type for message in (placed, part, rest)] == [
        HoldPlaced.event_type,
        HoldCapturedOutcome.event_type,
        HoldCapturedOutcome.event_type,
    ]
    first: HoldPlaced = placed.payload
    assert (first.source, first.request_id, first.payer) == (topics.TRAINING_SERVICE, asked.id, user.pk)
    assert (first.amount, first.currency) == (amount(60), "EAML")
    assert first.account(f"user:{user.pk}:eaml").available == amount(40)
    assert first.pricing is not None
    assert first.pricing["unit_price"] == "0.00010000"
    second: HoldCapturedOutcome = part.payload
    assert (second.amount, second.final, second.kind) == (amount(50), False, "solving")
    assert [transfer.amount for transfer in second.transfers] == [amount(10)]
    third: HoldCapturedOutcome = rest.payload
    assert (third.amount, third.final) == (amount(0), True)
    assert [transfer.amount for transfer in third.transfers] == [amount(70)]
    assert third.account(f"user:{user.pk}:eaml").held == 0
    _, voided = outcomes(given_up)
    assert isinstance(voided.payload, HoldVoidedOutcome)
    assert voided.payload.amount == 0
    (no,) = outcomes(refused)
    refusal: HoldRefused = no.payload
    assert (no.event.type, no.key) == (HoldRefused.event_type, str(poor.pk).encode())
    assert (refusal.rejection.code, refusal.amount, refusal.payer) == (
        "insufficient_funds",
        amount(0),
        poor.pk,
    )
    assert parked() == []


def test_expired_hold_is_published_when_it_is_swept(
    publisher: Publisher, user: User, machine: Machine
) -> None:
    """The rest is available again."""
    hold = uuid4()
    with ingesting(), relaying():
        request(publisher, hold, user, machine, TOKEN, expires_at=timezone.now() + timedelta(seconds=1.5))
        wait_for(1)
        until(lambda: expiry.sweep_overdue(now=timezone.now()) == 1)
        wait_until_published()
    placed, expired = outcomes(hold)
    assert isinstance(placed.payload, HoldPlaced)
    payload: HoldExpired = expired.payload
    assert (expired.event.type, expired.key) == (HoldExpired.event_type, str(user.pk).encode())
    assert (payload.amount, payload.payer) == (amount(0), user.pk)
    assert payload.account(f"user:{user.pk}:eaml").available == amount(100)


def test_capture_that_overtakes_its_hold_is_posted_after_it(
    publisher: Publisher, user: User, machine: Machine
) -> None:
    """No other message waits for it."""
    hold = uuid4()
    with ingesting():
        capture(publisher, hold, user, TOKEN, final=True)
        publisher.operation("solving", user.pk, machine=machine.pk, count_of_lines=1)
        wait_for(2)
        assert waiting_for() == [f"hold:{hold}"]
        request(publisher, hold, user, machine, 2 * TOKEN)
        until(lambda: waiting_for() == [])
    with relaying():
        wait_until_published()
    assert [message.event.type for message in outcomes(hold)] == [
        HoldPlaced.event_type,
        HoldCapturedOutcome.event_type,
    ]


def test_subscribers_of_balances_see_what_is_held(publisher: Publisher, user: User, machine: Machine) -> None:
    """And what is available. A user's latest message counts."""
    with ingesting(), relaying():
        request(publisher, uuid4(), user, machine, 30 * TOKEN)
        wait_for(1)
        wait_until_published(topics.BILLING_BALANCES)
    latest: Balance = max(
        (each for each in payloads(topics.BILLING_BALANCES, Balance) if each.user == user.pk),
        key=lambda each: each.version,
    )
    assert (latest.eaml.balance, latest.eaml.held, latest.eaml.available) == (
        amount(100),
        amount(30),
        amount(70),
    )


def test_reversal_is_published_under_the_payers_key(
    publisher: Publisher, user: User, machine: Machine
) -> None:
    """It names the operation, and says whether anything is left of it."""
    operation = recorded(solving(machine, user=user, lines=TOKEN)).id
    for part in ("0.4", None):
        recorded(do.reverse(operation, part))
    with relaying():
        wait_until_published()
    reversals = [
        message
        for message in heard(topics.BILLING_OPERATIONS)
        if message.event.type == OperationReversed.event_type
    ]
    assert {message.key for message in reversals} == {str(user.pk).encode()}
    first, last = (message.payload for message in reversals)
    assert isinstance(first, OperationReversed)
    assert (str(first.reverses), first.final, str(last.reverses), last.final) == (
        operation,
        False,
        operation,
        True,
    )
    assert [[pair.amount for pair in each.transfers] for each in (first, last)] == [
        [amount("0.4")],
        [amount("0.6")],
    ]

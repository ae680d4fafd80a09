"""Holds through the engine: within a batch, at the same time, and when they expire."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from ledger.engine.posting import post, quote
from ledger.engine.submission import Outcome, Submission
from ledger.expiry import sweep_overdue
from ledger.models import HeldFunds
from ledger.queries.balances import balances, balances_as_of
from ledger.queries.kept import find_hold
from models import Machine, User
from tests import builders as make
from tests import commands as do
from tests.builders import amount, code_of, counts, recorded, transfers
from tests.connections import together

pytestmark = pytest.mark.django_db(transaction=True)

# A line costs 0.0001 tokens: ten thousand lines are one.
TOKEN = 10_000


def shown(user: User) -> tuple[str, str, str]:
    """Return balance, held and available of the user's tokens."""
    found = balances(user.pk, at=timezone.now())
    assert found is not None
    own = found.accounts["eaml"]
    return make.short(own.balance), make.short(own.held), make.short(own.available)


def types(outcomes: list[Outcome]) -> list[str]:
    return [
        outcome.event.type if outcome.event is not None else f"{outcome.status} {code_of(outcome)}"
        for outcome in outcomes
    ]


def test_hold_is_placed_captured_and_shown(user: User, machine: Machine) -> None:
    """The held amount is on the account, in the hold's row and in every balance that is shown."""
    hold = str(uuid4())
    event = recorded(do.place(machine, user=user, lines=60 * TOKEN, hold=hold))
    assert (event.type, event.stream) == ("hold.placed", f"hold:{hold}")
    assert shown(user) == ("100", "60", "40")
    assert HeldFunds.objects.get(pk=hold).state == "open"
    event = recorded(do.capture(hold, lines=25 * TOKEN))
    assert (event.type, event.stream) == ("hold.captured", f"operation:{event.id}")
    assert shown(user) == ("75", "0", "75")
    assert HeldFunds.objects.get(pk=hold).state == "captured"


def test_captured_work_is_an_operation_with_entries(user: User, machine: Machine) -> None:
    """The operation has the hold's kind and machine, and a link to the entry of the user's tokens."""
    from models import Operation

    hold = str(uuid4())
    recorded(do.place(machine, user=user, lines=60 * TOKEN, hold=hold))
    event = recorded(make.solving(machine, user=user, lines=25 * TOKEN, hold=hold))
    operation = Operation.objects.get(pk=event.id)
    assert operation.is_solving_operation
    assert (operation.machine, operation.operation_user) == (machine, user)
    assert operation.machine_owner == machine.machine_owner_user
    assert operation.count_of_lines == 25 * TOKEN
    assert operation.debit_ixioo is not None
    assert operation.debit_ixioo.amount == amount(25)


def test_batch_may_place_and_capture_a_hold(user: User, machine: Machine) -> None:
    """A later command of a batch finds what an earlier one did."""
    hold = str(uuid4())
    outcomes = post(
        [
            do.place(machine, user=user, lines=100 * TOKEN, hold=hold),
            do.capture(hold, lines=30 * TOKEN, final=False),
            do.capture(hold, lines=20 * TOKEN),
            make.solving(machine, user=user, lines=50 * TOKEN),
            do.void(hold),
        ]
    )
    assert types(outcomes) == [
        "hold.placed",
        "hold.captured",
        "hold.captured",
        "operation.recorded",
        "operation.rejected",
    ]
    assert shown(user) == ("0", "0", "0")
    assert balances(user.pk, at=timezone.now()).accounts["due:eaml"].balance == 0  # type: ignore[union-attr]


def test_capture_of_a_hold_that_was_refused_in_the_same_batch_is_undecided(
    user: User, machine: Machine
) -> None:
    """Its key stays free, so it can be sent again once the hold exists."""
    hold, other = str(uuid4()), str(uuid4())
    capturing = do.capture(hold, lines=1)
    batch = [
        do.place(machine, user=user, lines=101 * TOKEN, hold=hold),
        capturing,
        do.place(machine, user=user, lines=100 * TOKEN, hold=other),
        do.place(machine, user=user, lines=1, hold=hold),
        do.capture(other, lines=TOKEN),
    ]
    outcomes = post(batch)
    assert types(outcomes) == [
        "hold.refused",
        "undecided undecided",
        "hold.placed",
        "hold.refused",
        "hold.captured",
    ]
    recorded(do.place(machine, user=user, lines=TOKEN, hold=hold))
    assert recorded(capturing).type == "hold.captured"


def test_many_refused_holds_of_a_batch_are_found_in_one_attempt(user: User, machine: Machine) -> None:
    """There are more of them than the engine has attempts."""
    holds = [str(uuid4()) for _ in range(30)]
    batch = [
        each
        for hold in holds
        for each in (
            do.place(machine, user=user, lines=101 * TOKEN, hold=hold),
            do.capture(hold, lines=1),
        )
    ]
    assert types(post(batch)) == ["hold.refused", "undecided undecided"] * 30


def test_placement_without_a_new_decision_places_nothing(user: User, machine: Machine) -> None:
    """After a replayed, conflicting or undecided placement, a capture depends on the stored holds."""
    hold, nowhere = str(uuid4()), str(uuid4())
    refused = do.place(machine, user=user, lines=101 * TOKEN, hold=hold)
    post([refused])
    outcomes = post([refused, do.capture(hold, lines=1)])
    assert types(outcomes) == ["hold.refused", "undecided undecided"]
    conflict = do.place(machine, user=user, lines=1, hold=nowhere, key=refused.sender.request_id)
    outcomes = post([conflict, do.capture(nowhere, lines=1)])
    assert types(outcomes) == ["conflict conflict", "undecided undecided"]
    unknown = do.place(10**12, user=user, lines=1, hold=nowhere)
    assert types(post([unknown, do.void(nowhere)])) == ["undecided undecided", "undecided undecided"]


def test_capture_before_the_placement_in_a_batch_is_undecided(user: User, machine: Machine) -> None:
    """Commands are decided in the order of the batch."""
    hold = str(uuid4())
    outcomes = post([do.capture(hold, lines=1), do.place(machine, user=user, lines=1, hold=hold)])
    assert types(outcomes) == ["undecided undecided", "hold.placed"]


def test_one_id_belongs_to_one_hold_of_one_user(machine: Machine) -> None:
    """Of two users at the same time one gets it; the tokens of the other are not changed."""
    for _ in range(10):
        users = [make.fund(make.make_user(), eaml=10) for _ in range(2)]
        hold = str(uuid4())
        asked = [do.place(machine, user=each, lines=5 * TOKEN, hold=hold) for each in users]
        answers = together(*(partial(post, [one]) for one in asked))
        codes = [code_of(outcome) for (outcome,) in answers]
        assert sorted(codes) == ["hold_exists", "recorded"]
        winner = users[codes.index("recorded")]
        assert HeldFunds.objects.get(pk=hold).user_id == winner.pk
        assert sorted(shown(each) for each in users) == [("10", "0", "10"), ("10", "5", "5")]


def test_hold_is_captured_once(user: User, machine: Machine) -> None:
    """Of several final captures at the same time one pays; the others are rejected."""
    for _ in range(10):
        hold = str(uuid4())
        recorded(do.place(machine, user=user, lines=TOKEN, hold=hold))
        answers = together(*(partial(post, [do.capture(hold, lines=TOKEN)]) for _ in range(3)))
        assert sorted(code_of(outcome) for (outcome,) in answers) == [
            "hold_resolved",
            "hold_resolved",
            "recorded",
        ]
    assert shown(user) == ("90", "0", "90")


def test_hold_is_captured_or_voided_but_not_both(user: User, machine: Machine) -> None:
    """Of a capture and a void at the same time the first one wins."""
    for _ in range(10):
        hold, before = str(uuid4()), shown(user)
        recorded(do.place(machine, user=user, lines=TOKEN, hold=hold))
        (captured,), (voided,) = together(
            partial(post, [do.capture(hold, lines=TOKEN)]), partial(post, [do.void(hold)])
        )
        assert sorted([code_of(captured), code_of(voided)]) == ["hold_resolved", "recorded"]
        spent = 1 if captured.status == "recorded" else 0
        assert amount(before[0]) - amount(shown(user)[0]) == spent
        assert shown(user)[1] == "0"


def test_released_money_is_spent_once(machine: Machine) -> None:
    """Two holds at the same time as a void both need all of what it releases; at most one gets it."""
    for _ in range(5):
        user = make.fund(make.make_user(), eaml=1)
        hold, other = str(uuid4()), [str(uuid4()) for _ in range(2)]
        recorded(do.place(machine, user=user, lines=TOKEN, hold=hold))
        work = [do.void(hold), *(do.place(machine, user=user, lines=TOKEN, hold=each) for each in other)]
        together(*(partial(post, [one]) for one in work))
        assert shown(user)[1] in {"0", "1"}
        assert HeldFunds.objects.filter(user_id=user.pk, state="open").count() <= 1


def after(seconds: float) -> Any:
    """Return a clock that is this much ahead."""
    return lambda: timezone.now() + timedelta(seconds=seconds)


def test_expired_hold_is_available_before_the_sweep(user: User, machine: Machine) -> None:
    """Reads and decisions check the expiry themselves; the sweep only records it."""
    hold = str(uuid4())
    soon = timezone.now() + timedelta(seconds=100)
    recorded(do.place(machine, user=user, lines=100 * TOKEN, hold=hold, expires_at=soon))
    just_before, then = soon - timedelta(microseconds=1), soon
    for at, held, state in ((just_before, 100, "open"), (then, 0, "expired")):
        found = balances(user.pk, at=at)
        assert found is not None
        assert found.accounts["eaml"].held == held
        one = find_hold(HeldFunds.objects.get(pk=hold).id, at=at)
        assert one is not None
        assert (str(one.state), one.remaining) == (state, amount(held))
    spending = make.solving(machine, user=user, lines=100 * TOKEN)
    tried = quote(spending, clock=after(101)).event
    assert tried is not None
    assert transfers(tried.data) == [(f"user:{user.pk}:eaml", "platform:revenue:eaml", "100")]
    (outcome,) = post([spending], clock=after(101))
    assert outcome.event is not None
    assert transfers(outcome.event.data) == transfers(tried.data)
    assert HeldFunds.objects.get(pk=hold).state == "expired"


def test_sweep_expires_every_overdue_hold_once(user: User, machine: Machine) -> None:
    """Each hold gets one event; a second sweep finds nothing."""
    soon = timezone.now() + timedelta(seconds=100)
    for _ in range(3):
        recorded(do.place(machine, user=user, lines=TOKEN, expires_at=soon))
    recorded(do.place(machine, user=user, lines=TOKEN))
    before = counts()
    assert sweep_overdue(now=soon - timedelta(microseconds=1)) == 0
    assert counts() == before
    assert sweep_overdue(now=soon) == 1
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from events_event where type = 'hold.expired'")
        assert cursor.fetchone() == (3,)
    assert shown(user) == ("100", "1", "99")
    after_it = counts()
    assert sweep_overdue(now=soon) == 0
    assert counts() == after_it


def test_sweep_and_spend_at_the_same_time_expire_a_hold_once(machine: Machine) -> None:
    """The first of them expires the hold, and the money is spent once."""
    for _ in range(10):
        user = make.fund(make.make_user(), eaml=1)
        hold = str(uuid4())
        soon = timezone.now() + timedelta(seconds=60)
        recorded(do.place(machine, user=user, lines=TOKEN, hold=hold, expires_at=soon))
        spending = make.solving(machine, user=user, lines=TOKEN)
        sweeping: Callable[[], object] = partial(sweep_overdue, now=soon)
        together(sweeping, partial(post, [spending], clock=after(61)), sweeping)
        assert shown(user) == ("0", "0", "0")
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from events_event where stream = %s", [f"hold:{hold}"])
            assert cursor.fetchone() == (2,)


def test_held_as_of_a_time_is_what_was_held_then(user: User, machine: Machine) -> None:
    """A hold is placed, captured in part and swept late after it expired; each time has its amounts."""
    hold = str(uuid4())
    start = timezone.now()
    steps: list[tuple[float, Submission]] = [
        (
            10,
            do.place(
                machine, user=user, lines=60 * TOKEN, hold=hold, expires_at=start + timedelta(seconds=100)
            ),
        ),
        (20, do.capture(hold, lines=10 * TOKEN, final=False)),
    ]
    for seconds, submission in steps:
        post([submission], clock=lambda seconds=seconds: start + timedelta(seconds=seconds))  # type: ignore[misc]
    sweep_overdue(now=start + timedelta(seconds=500))

    def held(seconds: float) -> tuple[str, str]:
        found = balances_as_of(user.pk, at=start + timedelta(seconds=seconds))
        assert found is not None
        own = found.accounts["eaml"]
        return make.short(own.balance), make.short(own.held)

    assert held(9.999999) == ("100", "0")
    assert held(10) == ("100", "60")
    assert held(19.999999) == ("100", "60")
    assert held(20) == ("90", "50")
    assert held(99.999999) == ("90", "50")
    assert held(100) == ("90", "0")
    assert held(499) == ("90", "0")
    assert held(501) == ("90", "0")

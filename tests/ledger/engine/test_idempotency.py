"""A key makes a command happen once, whoever sends it again and however often."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from ledger.domain.errors import Conflict, Undecided
from ledger.engine.posting import post, quote
from models import Machine, User
from tests import builders as make
from tests.builders import balances, code_of, counts, make_machine, make_user, post_one, recorded

pytestmark = pytest.mark.django_db


def test_replay_gives_the_first_answer_and_changes_nothing(user: User, machine: Machine) -> None:
    """The same event, marked as replayed."""
    submission = make.machine_copy(machine, user=user)
    first = post_one(submission)
    before = counts(), balances()
    again = post_one(replace(submission, command=replace(submission.command)))
    assert (again.status, again.replayed, again.event) == ("recorded", True, first.event)
    assert not first.replayed
    assert (counts(), balances()) == before


def test_replay_of_a_rejection_stays_rejected_after_a_top_up(machine: Machine) -> None:
    """A decision is frozen for its key; a new key is decided anew."""
    poor = make_user()
    submission = make.machine_copy(machine, user=poor)
    assert code_of(post_one(submission)) == "insufficient_funds"
    recorded(make.top_up(poor, "10"))
    before = counts(), balances()
    again = post_one(submission)
    assert (again.status, again.replayed, code_of(again)) == ("rejected", True, "insufficient_funds")
    assert (counts(), balances()) == before
    assert post_one(make.machine_copy(machine, user=poor)).status == "recorded"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"count_of_lines": 11}, "count_of_lines"),
        ({"kind": "solving_with_api"}, "type"),
        ({"unit_price": "0.0001"}, "unit_price"),
        ({"at": make.minutes_ago(1)}, "occurred_at"),
        # Of several, the first by name.
        ({"kind": "solving_with_api", "count_of_lines": 11}, "count_of_lines"),
    ],
)
def test_same_key_with_another_body_is_a_conflict_that_names_the_field(
    user: User, machine: Machine, changed: dict[str, Any], field: str
) -> None:
    """Nothing is written, and the first answer stands."""
    body: dict[str, Any] = {"kind": "solving", "user": user, "machine": machine.pk, "count_of_lines": 10}
    recorded(make.submission(**body, key="k"))
    before = counts(), balances()
    outcome = post_one(make.submission(**{**body, **changed}, key="k"))
    assert outcome.status == "conflict"
    assert outcome.event is None
    assert isinstance(outcome.error, Conflict)
    assert outcome.error.details == {"field": field, "source": make.SOURCE, "request_id": "k"}
    assert (counts(), balances()) == before
    assert post_one(make.submission(**body, key="k")).replayed


def test_another_payment_reference_is_a_conflict(user: User) -> None:
    """Notes are no part of the fingerprint, but of what must agree."""
    recorded(make.top_up(user, "10", reference="pi_1", key="k"))
    outcome = post_one(make.top_up(user, "10", reference="pi_2", key="k"))
    assert outcome.error is not None
    assert outcome.error.details["field"] == "payment_reference"
    assert post_one(make.top_up(user, "10", reference="pi_1", key="k")).replayed


def test_key_belongs_to_its_source(user: User) -> None:
    """Two services may use the same key for different things."""
    recorded(make.top_up(user, "10", key="k", source="/services/one"))
    recorded(make.top_up(user, "20", key="k", source="/services/two"))
    assert balances(user)[f"user:{user.pk}:usd"] == 130


def test_duplicates_within_a_batch_are_replays_of_the_first(user: User) -> None:
    """However many, and between others."""
    one, other = make.top_up(user, "10", key="k"), make.top_up(user, "1")
    outcomes = post([one, other, one, one])
    assert [(outcome.status, outcome.replayed) for outcome in outcomes] == [
        ("recorded", False),
        ("recorded", False),
        ("recorded", True),
        ("recorded", True),
    ]
    assert outcomes[0].event == outcomes[2].event == outcomes[3].event
    assert balances(user)[f"user:{user.pk}:usd"] == 111


def test_conflict_within_a_batch_names_the_field(user: User) -> None:
    """The first one is recorded, whatever else came under its key."""
    outcomes = post(
        [
            make.top_up(user, "10", key="k"),
            make.top_up(user, "11", key="k"),
            make.top_up(user, "10", reference="other", key="k"),
            make.top_up(user, "10", key="k"),
        ]
    )
    assert [code_of(outcome) for outcome in outcomes] == ["recorded", "conflict", "conflict", "recorded"]
    fields = [outcome.error.details["field"] for outcome in outcomes[1:3] if outcome.error is not None]
    assert fields == ["amount", "payment_reference"]
    assert balances(user)[f"user:{user.pk}:usd"] == 110


def test_batch_answers_as_its_parts_would_where_a_used_key_comes_twice(user: User) -> None:
    """The second body under the key is the one that was recorded before."""
    first = make.top_up(user, "10", key="k")
    recorded(first)
    outcomes = post([make.top_up(user, "11", key="k"), first])
    assert [code_of(outcome) for outcome in outcomes] == ["conflict", "recorded"]
    assert outcomes[1].replayed


def test_batch_answers_as_its_parts_would_where_an_undecided_key_comes_twice(user: User) -> None:
    """What is undecided uses no key, so it stands in nobody's way."""
    outcomes = post([make.top_up(user.pk + 10**6, "10", key="k"), make.top_up(user, "11", key="k")])
    assert [code_of(outcome) for outcome in outcomes] == ["undecided", "recorded"]
    assert balances(user)[f"user:{user.pk}:usd"] == 111


def test_undecided_key_may_come_twice_for_the_same_unknown_user() -> None:
    """Both wait: the second takes the place of the first, and refers to the very same."""
    before = counts()
    first = make.bill(999_999, 1, key="twice")
    answers = post([first, make.bill(999_999, 2, key="twice")])
    assert [outcome.status for outcome in answers] == ["undecided", "undecided"]
    assert counts() == before


def test_undecided_uses_no_key_and_is_recorded_once_its_user_is_known() -> None:
    """The same submission, later."""
    unknown = make_user().pk + 1000
    submission = make.top_up(unknown, "10")
    before = counts()
    outcome = post_one(submission)
    assert outcome.status == "undecided"
    assert isinstance(outcome.error, Undecided)
    assert outcome.error.details["waits_for"] == f"user:{unknown}"
    assert counts() == before
    make_user(id=unknown)
    assert post_one(submission).status == "recorded"
    assert balances(unknown) == {f"user:{unknown}:usd": make.amount(10)}


def test_undecided_machine_is_recorded_once_it_is_known(user: User) -> None:
    """The reference data may come after the operation."""
    missing = make_machine(user).pk + 1000
    submission = make.training(missing, user=user)
    assert code_of(post_one(submission)) == "undecided"
    machine = make_machine(user)
    Machine.objects.filter(pk=machine.pk).update(id=missing)
    # The terms are kept by the machine's number, so they are noted again under the new one.
    Machine.objects.filter(pk=missing).update(machine_copy_price_usd=1)
    assert code_of(post_one(submission)) == "recorded"


def test_what_waited_long_enough_is_rejected(user: User) -> None:
    """Out of time, an unknown reference is a decision, and final for its key."""
    submission = make.top_up(user.pk + 1000, "10", out_of_time=True)
    outcome = post_one(submission)
    assert code_of(outcome) == "unknown_reference"
    assert outcome.event is not None
    assert outcome.event.data["rejection"]["waits_for"] == f"user:{user.pk + 1000}"
    assert outcome.event.data["accounts"] == {}
    make_user(id=user.pk + 1000)
    assert post_one(submission).replayed
    assert balances(user.pk + 1000) == {}


def test_early_refusal_writes_nothing(owner: User, machine: Machine) -> None:
    """What no balance could change: over HTTP a plain error."""
    submission = make.machine_copy(machine, user=owner, refuse_early=True)
    before = counts()
    outcome = post_one(submission)
    assert outcome.status == "refused"
    assert outcome.event is None
    assert code_of(outcome) == "own_machine"
    assert counts() == before


def test_early_refusal_leaves_what_a_balance_decides_to_be_recorded(machine: Machine) -> None:
    """Missing money is found out under the lock, and frozen."""
    outcome = post_one(make.machine_copy(machine, user=make_user(), refuse_early=True))
    assert (outcome.status, code_of(outcome)) == ("rejected", "insufficient_funds")


def test_used_key_still_replays_where_the_command_would_now_be_refused(user: User, machine: Machine) -> None:
    """The machine is not for sale any more: the first answer stands."""
    submission = make.machine_copy(machine, user=user, refuse_early=True)
    first = recorded(submission)
    Machine.objects.filter(pk=machine.pk).update(machine_copy_price_usd=None)
    assert code_of(post_one(make.machine_copy(machine, user=user, refuse_early=True))) == "no_price"
    again = post_one(submission)
    assert (again.status, again.replayed, again.event) == ("recorded", True, first)


def test_used_key_still_replays_where_the_machine_is_gone(user: User, machine: Machine) -> None:
    """What is not known any more was known then."""
    submission = make.solving(machine, user=user)
    first = recorded(submission)
    machine.delete()
    again = post_one(submission)
    assert (again.replayed, again.event) == (True, first)
    conflicting = make.solving(submission.sent["machine"], user=user, lines=5, key=submission.request_id)
    assert code_of(post_one(conflicting)) == "conflict"


def test_quote_answers_and_writes_nothing(user: User, machine: Machine) -> None:
    """No lock, no key, no account: also for a user without any."""
    before = counts(), balances()
    outcome = quote(make.machine_copy(machine, user=user))
    assert outcome.status == "recorded"
    assert outcome.event is not None
    assert outcome.event.position == 0
    assert make.transfers(outcome.event.data)[0][2] == "4"
    stranger = make_user()
    assert code_of(quote(make.machine_copy(machine, user=stranger))) == "insufficient_funds"
    assert code_of(quote(make.solving(machine, user=stranger))) == "recorded"
    assert code_of(quote(make.solving(10**9, user=stranger))) == "undecided"
    assert (counts(), balances()) == before
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from ledger_account where user_id = %s", [stranger.pk])
        assert cursor.fetchone()[0] == 0


def test_quote_of_a_used_key_whose_machine_is_gone_answers(user: User, machine: Machine) -> None:
    """Whatever the answer, it is one."""
    submission = make.solving(machine, user=user)
    recorded(submission)
    machine.delete()
    assert quote(submission).status in {"recorded", "undecided"}


def test_event_has_the_id_of_its_operation(user: User) -> None:
    """One id names the event, its stream and its operation."""
    event = recorded(make.top_up(user, "10"))
    assert event.stream == f"operation:{event.id}"
    with connection.cursor() as cursor:
        cursor.execute("select position from models_operation where id = %s", [UUID(event.id)])
        assert cursor.fetchone() == (event.position,)

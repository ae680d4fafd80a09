"""A command happens once for its key, however often it is sent."""

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
    """The outcome has the same event and is marked as replayed."""
    submission = make.machine_copy(machine, user=user)
    first = post_one(submission)
    before = counts(), balances()
    again = post_one(replace(submission, command=replace(submission.command)))
    assert (again.status, again.replayed, again.event) == ("recorded", True, first.event)
    assert not first.replayed
    assert (counts(), balances()) == before


def test_replay_of_a_rejection_stays_rejected_after_a_top_up(machine: Machine) -> None:
    """The decision for a key is final; the same command with a new key is decided again."""
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
        # If several fields differ, the first by name.
        ({"kind": "solving_with_api", "count_of_lines": 11}, "count_of_lines"),
    ],
)
def test_same_key_with_another_body_is_a_conflict_that_names_the_field(
    user: User, machine: Machine, changed: dict[str, Any], field: str
) -> None:
    """Nothing is written, and the first answer stays valid."""
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
    """Notes are not part of the fingerprint, but they have to agree."""
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
    """There may be any number of duplicates, with other commands in between."""
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
    """The first one is recorded; the others with its key are conflicts or replays."""
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


def test_batch_with_a_used_key_twice_is_answered_like_its_parts(user: User) -> None:
    """The second body with the key is the one that was recorded before."""
    first = make.top_up(user, "10", key="k")
    recorded(first)
    outcomes = post([make.top_up(user, "11", key="k"), first])
    assert [code_of(outcome) for outcome in outcomes] == ["conflict", "recorded"]
    assert outcomes[1].replayed


def test_batch_with_an_undecided_key_twice_is_answered_like_its_parts(user: User) -> None:
    """An undecided command does not use its key, so another one can."""
    outcomes = post([make.top_up(user.pk + 10**6, "10", key="k"), make.top_up(user, "11", key="k")])
    assert [code_of(outcome) for outcome in outcomes] == ["undecided", "recorded"]
    assert balances(user)[f"user:{user.pk}:usd"] == 111


def test_undecided_key_may_come_twice_with_the_same_unknown_user() -> None:
    """Both are undecided: the second takes the place of the first, and refers to the same user."""
    before = counts()
    first = make.bill(999_999, 1, key="twice")
    answers = post([first, make.bill(999_999, 2, key="twice")])
    assert [outcome.status for outcome in answers] == ["undecided", "undecided"]
    assert counts() == before


def test_undecided_command_uses_no_key_and_is_recorded_once_its_user_is_known() -> None:
    """The same submission is recorded when it is sent later."""
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


def test_operation_on_an_unknown_machine_is_recorded_once_the_machine_is_known(user: User) -> None:
    """Reference data can arrive after the operation."""
    missing = make_machine(user).pk + 1000
    submission = make.training(missing, user=user)
    assert code_of(post_one(submission)) == "undecided"
    machine = make_machine(user)
    Machine.objects.filter(pk=machine.pk).update(id=missing)
    # Terms are stored by the machine's id. A change stores them under the new id.
    Machine.objects.filter(pk=missing).update(machine_copy_price_usd=1)
    assert code_of(post_one(submission)) == "recorded"


def test_undecided_command_out_of_time_is_rejected(user: User) -> None:
    """After the time to wait, an unknown reference leads to a rejection that is final for its key."""
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
    """No balance could change the answer, so it needs no record."""
    submission = make.machine_copy(machine, user=owner, refuse_early=True)
    before = counts()
    outcome = post_one(submission)
    assert outcome.status == "refused"
    assert outcome.event is None
    assert code_of(outcome) == "own_machine"
    assert counts() == before


def test_rejection_that_depends_on_a_balance_is_recorded_despite_early_refusal(machine: Machine) -> None:
    """Missing money is found under the lock, and the rejection is recorded."""
    outcome = post_one(make.machine_copy(machine, user=make_user(), refuse_early=True))
    assert (outcome.status, code_of(outcome)) == ("rejected", "insufficient_funds")


def test_used_key_is_replayed_when_the_command_would_now_be_refused(user: User, machine: Machine) -> None:
    """The machine is not for sale any more, but the first answer stays valid."""
    submission = make.machine_copy(machine, user=user, refuse_early=True)
    first = recorded(submission)
    Machine.objects.filter(pk=machine.pk).update(machine_copy_price_usd=None)
    assert code_of(post_one(make.machine_copy(machine, user=user, refuse_early=True))) == "no_price"
    again = post_one(submission)
    assert (again.status, again.replayed, again.event) == ("recorded", True, first)


def test_used_key_is_replayed_when_the_machine_is_deleted(user: User, machine: Machine) -> None:
    """The machine was known when the command was decided."""
    submission = make.solving(machine, user=user)
    first = recorded(submission)
    machine.delete()
    again = post_one(submission)
    assert (again.replayed, again.event) == (True, first)
    conflicting = make.solving(
        submission.sent["machine"], user=user, lines=5, key=submission.sender.request_id
    )
    assert code_of(post_one(conflicting)) == "conflict"


def test_quote_answers_and_writes_nothing(user: User, machine: Machine) -> None:
    """A quote claims no key and creates no account, even for a user without accounts."""
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


def test_quote_of_a_used_key_with_a_deleted_machine_has_an_answer(user: User, machine: Machine) -> None:
    """There is an answer, whichever it is."""
    submission = make.solving(machine, user=user)
    recorded(submission)
    machine.delete()
    assert quote(submission).status in {"recorded", "undecided"}


def test_event_has_the_id_of_its_operation(user: User) -> None:
    """The event, its stream and its operation have one id."""
    event = recorded(make.top_up(user, "10"))
    assert event.stream == f"operation:{event.id}"
    with connection.cursor() as cursor:
        cursor.execute("select position from models_operation where id = %s", [UUID(event.id)])
        assert cursor.fetchone() == (event.position,)

"""Adjusting and approving on the command line: the same rules as elsewhere, and status 2 when refused."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from events.models import Event, Note
from models import User
from tests.builders import counts, make_user, on_user

pytestmark = pytest.mark.django_db(transaction=True)

WHY = ("--reason-code", "refund", "--reason", "paid twice")


@pytest.fixture
def anna() -> User:
    return make_person("anna@example.com")


@pytest.fixture
def bert() -> User:
    return make_person("bert@example.com")


def make_person(email: str, **more: Any) -> User:
    return User.objects.create_user(email, is_staff=True, **more)


def said(*arguments: object) -> str:
    out = io.StringIO()
    call_command(*map(str, arguments), stdout=out)
    return out.getvalue()


def refused(*arguments: object) -> str:
    before = counts()["models_entry"]
    with pytest.raises(CommandError) as error:
        said(*arguments)
    assert error.value.returncode == 2
    assert counts()["models_entry"] == before
    return str(error.value)


def propose(user: User, person: User, change: str = "2500") -> str:
    line = said("adjust", user.pk, "usd", "up", change, *WHY, "--as", person.email)
    word, proposal, *rest = line.split()
    assert (word, " ".join(rest)) == ("proposed:", "waits for a second person")
    return proposal


def test_the_shell_does_not_approve_unless_a_setting_allows_it(
    user: User, anna: User, bert: User, settings: Settings
) -> None:
    """It still proposes, previews and declines."""
    proposal = propose(user, anna)
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"shell_approves": False})
    assert "forbidden" in refused("proposals", "approve", proposal, "--as", bert.email)
    assert "would be" in said("proposals", "approve", proposal, "--as", bert.email, "--dry-run")
    assert "declined" in said("proposals", "decline", proposal, "--reason", "no", "--as", bert.email)


def test_an_adjustment_prints_its_transfer_and_keeps_its_actor(user: User, anna: User) -> None:
    """The reason is a note, which can be erased."""
    line = said("adjust", user.pk, "usd", "up", "7", *WHY, "--as", anna.email)
    first, second = line.splitlines()
    event = Event.objects.latest("position")
    assert first == f"operation recorded: {event.id}"
    assert second.split() == ["platform:manual:usd", "→", f"user:{user.pk}:usd", "7.00000000", "USD"]
    assert event.metadata["actor"] == f"user:{anna.pk}"
    assert event.metadata["source"] == "/ledger/command-line"
    assert Note.objects.get(event_id=event.id, name="reason").text == "paid twice"
    assert on_user(user)[0] == 107


def test_a_command_with_a_key_happens_once(user: User, anna: User) -> None:
    """Another command with the same key is a conflict."""
    same = ("adjust", user.pk, "usd", "up", "7", *WHY, "--as", anna.email, "--key", "ticket-881")
    assert said(*same) == said(*same)
    assert on_user(user)[0] == 107
    other = refused("adjust", user.pk, "usd", "up", "8", *WHY, "--as", anna.email, "--key", "ticket-881")
    assert other.startswith("conflict: ")


def test_dry_run_writes_nothing(user: User, anna: User) -> None:
    before = counts()
    for change, word in (("7", "operation recorded"), ("2500", "proposal made")):
        line = said("adjust", user.pk, "usd", "up", change, *WHY, "--as", anna.email, "--dry-run")
        assert line.splitlines()[0] == f"would be {word}"
    assert counts() == before


def test_a_proposal_is_listed_and_approved_by_a_second_person(user: User, anna: User, bert: User) -> None:
    """People are given by email or id; the list is empty afterwards."""
    proposal = propose(user, anna)
    (line,) = said("proposals", "list").splitlines()
    assert line.startswith(f"{proposal}  adjustment of user {user.pk}: account=usd amount=2500.00000000 ")
    assert f"refund, by user:{anna.pk}, until " in line
    own = refused("proposals", "approve", proposal, "--as", anna.pk)
    assert own == "self_approval: a proposal is approved by another person than its proposer"
    assert said("proposals", "approve", proposal, "--as", bert.pk).startswith("operation recorded: ")
    assert on_user(user)[0] == 2600
    assert said("proposals", "list") == ""
    again = refused("proposals", "decline", proposal, "--reason", "late", "--as", bert.email)
    assert again == "proposal_resolved: the proposal is approved"


def test_a_declined_proposal_keeps_its_reason(user: User, anna: User, bert: User) -> None:
    proposal = propose(user, anna)
    line = said("proposals", "decline", proposal, "--reason", "no such payment", "--as", bert.email)
    assert line.startswith("proposal declined: ")
    event = Event.objects.latest("position")
    assert (event.data["proposer"], event.data["resolver"]) == (f"user:{anna.pk}", f"user:{bert.pk}")
    assert Note.objects.get(event_id=event.id).text == "no such payment"


def test_limits_are_those_of_the_persons_role(user: User, anna: User, bert: User) -> None:
    """A super admin adjusts more alone, and approves what the staff may not."""
    chief = make_person("chief@example.com", is_super_admin=True)
    assert said("adjust", user.pk, "usd", "up", "10000", *WHY, "--as", chief.email).startswith("operation")
    proposal = propose(user, anna, "10000.01")
    assert refused("proposals", "approve", proposal, "--as", bert.email).startswith("above_role: ")
    assert said("proposals", "approve", proposal, "--as", chief.email).startswith("operation recorded: ")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("adjust", 0, "usd", "up", "7"), "out_of_range: operation_user: "),
        (("adjust", 1, "usd", "up", "seven"), "invalid_amount: amount: "),
        (("adjust", 1, "usd", "up", "0.000000001"), "amount_too_precise: amount: "),
        (("adjust", 10**12, "usd", "up", "7"), "undecided: "),
    ],
)
def test_a_refusal_begins_with_its_code(arguments: tuple[object, ...], code: str, anna: User) -> None:
    before = counts()
    assert refused(*arguments, *WHY, "--as", anna.email).startswith(code)
    assert counts() == before


def test_deducting_more_than_the_balance_is_refused(user: User, anna: User) -> None:
    refusal = refused("adjust", user.pk, "usd", "down", "100.00000001", *WHY, "--as", anna.email)
    assert refusal.startswith("insufficient_funds: ")
    assert on_user(user)[0] == 100


def test_only_an_active_administrator_may_act(user: User) -> None:
    """Not a former one, a user, or an unknown email."""
    left = make_person("left@example.com", is_active=False)
    for who in (left.email, user.pk, make_user().pk, "nobody@example.com"):
        assert (
            refused("adjust", user.pk, "usd", "up", "7", *WHY, "--as", who)
            == f"{who} is not an administrator"
        )
        assert refused("proposals", "approve", "01a205b1-c244-7300-8197-4c636e06a674", "--as", who)


def test_unknown_proposal_is_refused(anna: User) -> None:
    unknown = ("proposals", "approve", "01a205b1-c244-7300-8197-4c636e06a674", "--as", anna.email)
    assert refused(*unknown) == "proposal_unknown: there is no such proposal"

"""Dead letters: mended, replayed, dismissed, by one person or two at once. Needs no broker."""

import base64
import json
from collections import Counter
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from easyautoml_ledger import topics
from easyautoml_ledger.envelope import parse, to_kafka
from easyautoml_ledger.operations import Operation
from events.append_only import APPEND_ONLY
from events.kafka import dead_letter_store
from events.kafka.message import Message
from events.kafka.notation import from_text, headers_from_text, headers_to_text, to_text
from events.models import DeadLetter, Event, LetterAct
from ledger.domain.errors import Busy, Invalid, LedgerError, NotFound, SelfApproval
from ledger.intake import dead_letters, waiting
from ledger.intake.dead_letters import DeadLetterResolved, NotReplayable, dismiss, mend
from ledger.intake.messages import handle
from models import Machine, User
from projections import monitoring
from tests.builders import amount, balances, fund, make_user
from tests.connections import together
from tests.ledger.intake.test_hold_messages import message

pytestmark = pytest.mark.django_db(transaction=True)

_offsets: Final = count(1_000_000)
ANN: Final = "user:1"
BEN: Final = "user:2"
CID: Final = "user:3"


def solving(user: User | int, machine: Machine, *, lines: Any = 1000, **more: Any) -> Message:
    """Return a message of a solving for 0.1 EAML, if its lines can be read."""
    fields = {
        "type": "solving",
        "operation_user": user if isinstance(user, int) else user.pk,
        "machine": machine.pk,
        "count_of_lines": lines,
    }
    return message(Operation.event_type, json.dumps(fields).encode(), offset=next(_offsets), **more)


def park(parked: Message) -> DeadLetter:
    """Handle a message that becomes a dead letter, and return the dead letter."""
    assert +handle([parked], lambda _: None) == {"parked": 1}
    return DeadLetter.objects.get(topic_id=parked.topic_id, offset=parked.offset)


def readable(dead_letter: DeadLetter) -> dict[str, Any]:
    """Return the dead letter's message with a valid number of lines."""
    with connection.cursor() as cursor:
        found = dead_letter_store.read(cursor, dead_letter.pk)
    assert found is not None
    assert found.message.value is not None
    fields = json.loads(found.message.value)
    return {
        "key": found.message.key,
        "value": json.dumps({**fields, "count_of_lines": 1000}).encode(),
        "headers": found.message.headers,
    }


def replay(*, dead_letter: int, actor: str) -> Counter[str]:
    """Replay the message as it is now."""
    with connection.cursor() as cursor:
        found = dead_letter_store.read(cursor, dead_letter)
    return dead_letters.replay(
        dead_letter=dead_letter, actor=actor, mend=None if found is None else found.mend
    )


def acts(dead_letter: DeadLetter) -> list[tuple[str, str, str]]:
    """Return what was done, by whom, and the dead letter's code at that time."""
    return list(LetterAct.objects.filter(letter=dead_letter).values_list("kind", "actor", "code"))


def state(dead_letter: DeadLetter) -> str:
    dead_letter.refresh_from_db()
    return dead_letter.state


@pytest.fixture
def dead_letter(user: User, machine: Machine) -> DeadLetter:
    """A dead letter whose number of lines is not a number."""
    return park(solving(user, machine, lines="many"))


@pytest.fixture
def ann() -> User:
    return User.objects.create_superuser("ann@example.com", "secret")


@pytest.fixture
def ben() -> User:
    return User.objects.create_superuser("ben@example.com", "secret")


def test_a_mended_dead_letter_is_replayed_as_if_it_came_from_its_topic(
    dead_letter: DeadLetter, user: User
) -> None:
    """It has the source and id of its envelope, and the original bytes are kept."""
    before = bytes(dead_letter.value or b"")
    mend(dead_letter=dead_letter.pk, actor=ANN, words="the count was a word", **readable(dead_letter))
    assert state(dead_letter) == "open"
    assert replay(dead_letter=dead_letter.pk, actor=BEN) == {"recorded": 1}
    assert state(dead_letter) == "replayed"
    assert bytes(dead_letter.value or b"") == before
    event = Event.objects.latest("position")
    sent = parse([(name, _bytes(value)) for name, value in dead_letter.headers], before)
    assert (event.metadata["source"], event.metadata["request_id"]) == (sent.source, sent.id)
    assert balances(user)[f"user:{user.pk}:eaml"] == amount("99.9")
    assert acts(dead_letter) == [("mended", ANN, "not_an_integer"), ("replayed", BEN, "not_an_integer")]
    assert LetterAct.objects.get(kind="mended").words == "the count was a word"
    assert monitoring.read().dead_letters == []


def test_a_person_does_not_replay_what_they_mended(dead_letter: DeadLetter, user: User) -> None:
    """One person would make any letter a top-up of 999,999 USD in the name of a service."""
    value = {
        "type": "credit_from_user",
        "operation_user": user.pk,
        "amount": "999999",
        "payment_provider": "stripe",
        "payment_reference": "pi_1",
    }
    minted = {**readable(dead_letter), "value": json.dumps(value).encode()}
    mend(dead_letter=dead_letter.pk, actor=ANN, **minted)
    events = Event.objects.count()
    with pytest.raises(SelfApproval):
        replay(dead_letter=dead_letter.pk, actor=ANN)
    assert (Event.objects.count(), state(dead_letter)) == (events, "open")
    assert [kind for kind, _, _ in acts(dead_letter)] == ["mended"]


def test_the_approver_has_read_the_message_that_is_replayed(dead_letter: DeadLetter) -> None:
    """A message that was mended after the approver opened its page is not replayed."""
    mend(dead_letter=dead_letter.pk, actor=ANN, **readable(dead_letter))
    shown = LetterAct.objects.latest("id").pk
    mend(dead_letter=dead_letter.pk, actor=ANN, **{**readable(dead_letter), "key": b"2"})
    for stale in (None, shown):
        with pytest.raises(Busy, match="mended meanwhile"):
            dead_letters.replay(dead_letter=dead_letter.pk, actor=BEN, mend=stale)
    assert state(dead_letter) == "open"


@pytest.mark.parametrize("attribute", ["source", "id"])
@pytest.mark.parametrize("structured", [False, True])
def test_a_mended_message_keeps_its_source_and_id(
    attribute: str, structured: bool, dead_letter: DeadLetter
) -> None:
    """With another id, a message that its publisher has sent again would be posted twice."""
    good = readable(dead_letter)
    change: dict[str, Any] = {attribute: "/services/marketplace"}
    event = replace(parse(good["headers"], good["value"]), **change)
    headers, value = to_kafka(event)
    changed: dict[str, Any] = {"key": good["key"], "headers": headers, "value": value}
    if structured:
        attributes = {"specversion": "1.0", "id": event.id, "source": event.source, "type": event.type}
        changed["headers"] = [("content-type", b"application/cloudevents+json")]
        changed["value"] = json.dumps({**attributes, "data": json.loads(value)}).encode()
    with pytest.raises(Invalid, match=f"keeps the {attribute}"):
        mend(dead_letter=dead_letter.pk, actor=ANN, **changed)
    assert acts(dead_letter) == []


def test_an_unreadable_envelope_still_has_its_id(user: User, machine: Machine) -> None:
    """The id is read from the header though the type is missing, and whatever cannot be read may be given."""
    sent = solving(user, machine)
    headers = [(name, value) for name, value in sent.headers if name not in {"ce_type", "ce_source"}]
    dead_letter = park(replace(sent, headers=headers))
    good = [
        *headers,
        ("ce_type", Operation.event_type.encode()),
        ("ce_source", topics.TRAINING_SERVICE.encode()),
    ]
    other = [("ce_id", b"another") if name == "ce_id" else (name, value) for name, value in good]
    with pytest.raises(Invalid, match="keeps the id"):
        mend(dead_letter=dead_letter.pk, actor=ANN, key=sent.key, value=sent.value, headers=other)
    mend(dead_letter=dead_letter.pk, actor=ANN, key=sent.key, value=sent.value, headers=good)
    assert replay(dead_letter=dead_letter.pk, actor=BEN) == {"recorded": 1}


def test_the_event_names_the_people_and_the_letter(dead_letter: DeadLetter) -> None:
    """Of a mended message both people."""
    mend(dead_letter=dead_letter.pk, actor=ANN, **readable(dead_letter))
    replay(dead_letter=dead_letter.pk, actor=BEN)
    metadata = Event.objects.latest("position").metadata
    assert metadata["actor"] == f"service:{topics.TRAINING_SERVICE}"
    assert {name: metadata[name] for name in ("letter", "mended_by", "approved_by")} == {
        "letter": str(dead_letter.pk),
        "mended_by": ANN,
        "approved_by": BEN,
    }
    assert "replayed_by" not in metadata


def test_an_unmended_message_is_replayed_by_one_person(machine: Machine) -> None:
    """It says what its publisher said; the event names the person, also after it has waited."""
    sent = solving(5_000_002, machine)
    DeadLetter.objects.create(
        topic_id=sent.topic_id,
        topic=sent.topic,
        partition=sent.partition,
        offset=sent.offset,
        key=sent.key,
        value=sent.value,
        headers=[
            [name, None if value is None else base64.b64encode(value).decode()]
            for name, value in sent.headers
        ],
        timestamp=sent.timestamp,
        code="internal_error",
        reason="the server had no disk left",
    )
    dead_letter = DeadLetter.objects.get(offset=sent.offset)
    assert replay(dead_letter=dead_letter.pk, actor=ANN) == {"waiting": 1}
    fund(User.objects.create(pk=5_000_002, email="late@example.com"), eaml=100)
    assert +waiting.sweep() == {"recorded": 1}
    metadata = Event.objects.latest("position").metadata
    assert (metadata["letter"], metadata["replayed_by"]) == (str(dead_letter.pk), ANN)
    assert {"mended_by", "approved_by"}.isdisjoint(metadata)


def test_replaying_twice_changes_nothing(dead_letter: DeadLetter, user: User) -> None:
    """The second replay is refused and leaves no trace."""
    mend(dead_letter=dead_letter.pk, actor=ANN, **readable(dead_letter))
    replay(dead_letter=dead_letter.pk, actor=BEN)
    before, done = Event.objects.count(), acts(dead_letter)
    for again in (
        lambda: replay(dead_letter=dead_letter.pk, actor=BEN),
        lambda: dismiss(dead_letter=dead_letter.pk, actor=BEN, words="no"),
        lambda: mend(dead_letter=dead_letter.pk, actor=BEN, **readable(dead_letter)),
    ):
        with pytest.raises(DeadLetterResolved, match="was already replayed"):
            again()
    assert (Event.objects.count(), acts(dead_letter), state(dead_letter)) == (before, done, "replayed")


def test_a_message_that_was_sent_again_is_not_posted_twice(
    dead_letter: DeadLetter, user: User, machine: Machine
) -> None:
    """A replay uses the message's own key."""
    headers = [(name, _bytes(value)) for name, value in dead_letter.headers]
    again = readable(dead_letter)
    sent = Message(
        topic=dead_letter.topic,
        topic_id=str(dead_letter.topic_id),
        partition=0,
        offset=next(_offsets),
        key=b"1",
        value=again["value"],
        headers=headers,
        timestamp=dead_letter.timestamp,
    )
    assert +handle([sent], lambda _: None) == {"recorded": 1}
    mend(dead_letter=dead_letter.pk, actor=ANN, **again)
    assert replay(dead_letter=dead_letter.pk, actor=BEN) == {"duplicate": 1}
    assert balances(user)[f"user:{user.pk}:eaml"] == amount("99.9")


def test_a_dead_letter_that_fails_again_is_open_with_the_new_reason(dead_letter: DeadLetter) -> None:
    """The attempt is kept, with the reason before it."""
    wrong = {**readable(dead_letter), "value": b"{"}
    mend(dead_letter=dead_letter.pk, actor=ANN, **wrong)
    assert replay(dead_letter=dead_letter.pk, actor=BEN) == {"parked": 1}
    assert (state(dead_letter), dead_letter.code) == ("open", "malformed_json")
    assert acts(dead_letter)[-1] == ("replayed", BEN, "not_an_integer")
    assert LetterAct.objects.count() == 2
    assert [each.code for each in monitoring.read().dead_letters] == ["malformed_json"]


def test_of_two_mends_the_later_one_is_replayed(dead_letter: DeadLetter, user: User) -> None:
    """The earlier one is kept."""
    good = readable(dead_letter)
    mend(dead_letter=dead_letter.pk, actor=ANN, **{**good, "value": b"{"})
    mend(dead_letter=dead_letter.pk, actor=BEN, **good)
    assert replay(dead_letter=dead_letter.pk, actor=ANN) == {"recorded": 1}
    assert [bytes(act.value or b"") for act in LetterAct.objects.filter(kind="mended")] == [
        b"{",
        good["value"],
    ]


def test_a_replayed_message_may_wait_and_fail_again(dead_letter: DeadLetter, machine: Machine) -> None:
    """Its user is not known, and before that changes its key is used by another command."""
    good = readable(dead_letter)
    value = json.dumps({**json.loads(good["value"]), "operation_user": 5_000_001}).encode()
    mend(dead_letter=dead_letter.pk, actor=ANN, **{**good, "value": value})
    assert replay(dead_letter=dead_letter.pk, actor=BEN) == {"waiting": 1}
    assert state(dead_letter) == "replayed"
    other = solving(make_user(), machine, id=_id(dead_letter))
    assert +handle([other], lambda _: None) == {"recorded": 1}
    User.objects.create(pk=5_000_001, email="late@example.com")
    assert +waiting.sweep() == {"parked": 1}
    assert (state(dead_letter), dead_letter.code) == ("open", "conflict")
    assert DeadLetter.objects.count() == 1


def test_a_dead_letter_is_dismissed_with_a_reason(dead_letter: DeadLetter) -> None:
    """It is not dismissed without one."""
    for nothing in ("", "  "):
        with pytest.raises(Invalid):
            dismiss(dead_letter=dead_letter.pk, actor=ANN, words=nothing)
    assert (state(dead_letter), acts(dead_letter)) == ("open", [])
    dismiss(dead_letter=dead_letter.pk, actor=ANN, words="a test of theirs")
    assert state(dead_letter) == "dismissed"
    assert LetterAct.objects.get().words == "a test of theirs"
    with pytest.raises(DeadLetterResolved, match="was already dismissed"):
        replay(dead_letter=dead_letter.pk, actor=BEN)


def test_a_failing_handler_leaves_the_dead_letter_open(
    dead_letter: DeadLetter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the replay is kept except the attempt."""

    def failing(messages: Any, move: Any) -> Any:
        with connection.cursor() as cursor:
            move(cursor)
            cursor.execute("select 1 / 0")

    monkeypatch.setattr(dead_letters, "ROUTES", {dead_letter.topic: _in_one_transaction(failing)})
    assert replay(dead_letter=dead_letter.pk, actor=BEN) == {"parked": 1}
    assert (state(dead_letter), dead_letter.code) == ("open", "internal_error")
    assert acts(dead_letter) == [("replayed", BEN, "not_an_integer")]


def test_the_ledgers_own_messages_are_not_replayed(dead_letter: DeadLetter) -> None:
    """A message that the broker refused can be dismissed."""
    DeadLetter.objects.filter(pk=dead_letter.pk).update(topic=topics.BILLING_OPERATIONS, partition=-1)
    for act in (
        lambda: replay(dead_letter=dead_letter.pk, actor=BEN),
        lambda: mend(dead_letter=dead_letter.pk, actor=ANN, **_NOTHING),
    ):
        with pytest.raises(NotReplayable):
            act()
    dismiss(dead_letter=dead_letter.pk, actor=ANN, words="sent in another way")
    assert state(dead_letter) == "dismissed"


def test_an_unknown_dead_letter_is_not_found(dead_letter: DeadLetter) -> None:
    """By any of the three actions."""
    for act in (
        lambda: replay(dead_letter=0, actor=ANN),
        lambda: mend(dead_letter=0, actor=ANN, **_NOTHING),
        lambda: dismiss(dead_letter=0, actor=ANN, words="no"),
    ):
        with pytest.raises(NotFound):
            act()


def test_of_two_replays_at_once_one_succeeds(dead_letter: DeadLetter, user: User) -> None:
    """The other is refused."""
    mend(dead_letter=dead_letter.pk, actor=ANN, **readable(dead_letter))
    answers = together(
        *(_attempt(lambda who=who: replay(dead_letter=dead_letter.pk, actor=who)) for who in (BEN, CID))
    )
    assert sorted(map(str, answers)) == ["Counter({'recorded': 1})", "letter_resolved"]
    assert balances(user)[f"user:{user.pk}:eaml"] == amount("99.9")
    assert [kind for kind, _, _ in acts(dead_letter)] == ["mended", "replayed"]


@pytest.mark.parametrize("_", range(5))
def test_of_a_replay_and_a_dismissal_at_once_one_succeeds(
    _: int, dead_letter: DeadLetter, user: User
) -> None:
    """The state matches what happened to the money."""
    mend(dead_letter=dead_letter.pk, actor=ANN, **readable(dead_letter))
    answers = together(
        _attempt(lambda: replay(dead_letter=dead_letter.pk, actor=BEN)),
        _attempt(lambda: dismiss(dead_letter=dead_letter.pk, actor=BEN, words="no")),
    )
    assert answers.count("letter_resolved") == 1
    spent = {"replayed": amount("0.1"), "dismissed": amount(0)}[state(dead_letter)]
    assert balances(user)[f"user:{user.pk}:eaml"] == 100 - spent
    assert [kind for kind, _, _ in acts(dead_letter)] == ["mended", state(dead_letter)]


@pytest.mark.parametrize("_", range(5))
def test_a_replay_and_a_mend_at_once(_: int, dead_letter: DeadLetter, user: User) -> None:
    """The replayed message is the current one, or nothing is replayed."""
    mend(dead_letter=dead_letter.pk, actor=ANN, **readable(dead_letter))
    answers = together(
        _attempt(lambda: replay(dead_letter=dead_letter.pk, actor=BEN)),
        _attempt(
            lambda: mend(dead_letter=dead_letter.pk, actor=CID, **{**readable(dead_letter), "value": b"{"})
        ),
    )
    if state(dead_letter) == "replayed":
        assert answers[1] == "letter_resolved"
        assert balances(user)[f"user:{user.pk}:eaml"] == amount("99.9")
    else:
        assert answers[0] in ("busy", Counter(parked=1))
        assert answers[1] is None
        assert balances(user)[f"user:{user.pk}:eaml"] == amount(100)


def test_the_history_is_append_only(dead_letter: DeadLetter) -> None:
    """The table refuses changes."""
    dismiss(dead_letter=dead_letter.pk, actor=ANN, words="no")
    for statement in (
        "update events_letter_act set actor = 'nobody'",
        "delete from events_letter_act",
        "truncate events_letter_act",
    ):
        with pytest.raises(DatabaseError) as refused, connection.cursor() as cursor:
            cursor.execute(statement)
        assert getattr(refused.value.__cause__, "pgcode", None) == APPEND_ONLY


def test_the_command_shows_mends_replays_and_dismisses(
    dead_letter: DeadLetter,
    user: User,
    machine: Machine,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    settings: Settings,
    ann: User,
    ben: User,
) -> None:
    """The output of `show` is the input of `mend`."""
    other = park(solving(user, machine, lines=None))
    call_command("dead_letters", "list")
    assert capsys.readouterr().out.splitlines() == [
        f"{each.pk}  open  training.operations[0]@{each.offset}  {each.reason}"
        for each in (dead_letter, other)
    ]
    call_command("dead_letters", "show", dead_letter.pk)
    shown = json.loads(capsys.readouterr().out)
    assert shown["key"] == "1"
    mended = tmp_path / "mended.json"
    mended.write_text(json.dumps({**shown, "value": shown["value"].replace('"many"', "1000")}))
    call_command(
        "dead_letters",
        "mend",
        dead_letter.pk,
        "--file",
        str(mended),
        "--as",
        "ann@example.com",
        "--why",
        "a word",
    )
    with pytest.raises(CommandError, match="forbidden"):
        call_command("dead_letters", "replay", dead_letter.pk, "--as", "ben@example.com")
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"shell_approves": True})
    with pytest.raises(CommandError, match="self_approval"):
        call_command("dead_letters", "replay", dead_letter.pk, "--as", "ann@example.com")
    call_command("dead_letters", "replay", dead_letter.pk, "--as", "ben@example.com")
    assert f"dead letter {dead_letter.pk} is replayed: recorded" in capsys.readouterr().out
    with pytest.raises(CommandError, match="letter_resolved"):
        call_command("dead_letters", "replay", dead_letter.pk, "--as", "ben@example.com")
    with pytest.raises(CommandError, match="failed again"):
        call_command("dead_letters", "replay", other.pk, "--as", "ben@example.com")
    call_command("dead_letters", "dismiss", other.pk, "--as", "ben@example.com", "--why", "a test")
    call_command("dead_letters", "show", dead_letter.pk)
    assert f"mended by user:{ann.pk}: a word\n" in capsys.readouterr().err
    call_command("dead_letters", "list")
    assert capsys.readouterr().out == ""


def test_a_file_that_is_not_a_message_is_refused(dead_letter: DeadLetter, tmp_path: Path, ann: User) -> None:
    """The error says what is wrong, and nothing is stored."""
    for written in ("", "[]", "{}", '{"key": "", "value": "base64:?", "headers": []}', '{"headers": [1]}'):
        path = tmp_path / "wrong.json"
        path.write_text(written)
        with pytest.raises(CommandError, match="is not JSON as `show` prints it"):
            call_command(
                "dead_letters", "mend", dead_letter.pk, "--file", str(path), "--as", "ann@example.com"
            )
    assert acts(dead_letter) == []


@given(content=st.none() | st.binary(min_size=1) | st.text(min_size=1).map(str.encode))
def test_bytes_survive_being_shown_as_text(content: bytes | None) -> None:
    """Any bytes, also after a browser has changed the line ends."""
    assert from_text(to_text(content)) == content
    assert from_text(to_text(content).replace("\n", "\r\n")) == content


@given(headers=st.lists(st.tuples(st.text(), st.none() | st.binary())))
def test_headers_survive_being_shown_as_text(headers: list[tuple[str, bytes | None]]) -> None:
    """Also headers without a value."""
    assert headers_from_text(headers_to_text(headers)) == headers


_NOTHING: Final[dict[str, Any]] = {"key": None, "value": None, "headers": []}


def _attempt(act: Any) -> Any:
    """Wrap an action so that it returns its result, or the code of its refusal."""

    def run() -> Any:
        try:
            return act()
        except LedgerError as error:
            return error.code

    return run


def _in_one_transaction(route: Any) -> Any:
    from django.db import transaction

    def run(messages: Any, move: Any) -> Any:
        with transaction.atomic(durable=True):
            return route(messages, move)

    return run


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else base64.b64decode(value)


def _id(dead_letter: DeadLetter) -> str:
    return next(base64.b64decode(value).decode() for name, value in dead_letter.headers if name == "ce_id")

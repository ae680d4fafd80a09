"""Dead letters: mended, replayed, dismissed, by one person or two at once. No broker needed."""

import base64
import json
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from hypothesis import given
from hypothesis import strategies as st

from easyautoml_ledger import topics
from easyautoml_ledger.envelope import parse
from events import monitoring
from events.append_only import APPEND_ONLY
from events.kafka import dead_letter_store
from events.kafka.message import Message
from events.kafka.notation import from_text, headers_from_text, headers_to_text, to_text
from events.models import DeadLetter, Event, LetterAct
from ledger.domain.errors import Invalid, LedgerError, NotFound
from ledger.intake import dead_letters, waiting
from ledger.intake.dead_letters import DeadLetterResolved, NotReplayable, dismiss, mend, replay
from ledger.intake.messages import take
from models import Machine, User
from tests.builders import amount, balances, make_user
from tests.connections import together
from tests.ledger.intake.test_hold_messages import message

pytestmark = pytest.mark.django_db(transaction=True)

_offsets: Final = count(1_000_000)
ANN: Final = "user:1"
BEN: Final = "user:2"


def solving(user: User | int, machine: Machine, *, lines: Any = 1000, **more: Any) -> Message:
    """0.1 EAML, if it can be read."""
    fields = {
        "type": "solving",
        "operation_user": user if isinstance(user, int) else user.pk,
        "machine": machine.pk,
        "count_of_lines": lines,
    }
    return message(topics.OPERATION, json.dumps(fields).encode(), offset=next(_offsets), **more)


def park(parked: Message) -> DeadLetter:
    """The dead letter that a message of its topic became."""
    assert +take([parked], lambda _: None) == {"parked": 1}
    return DeadLetter.objects.get(topic_id=parked.topic_id, offset=parked.offset)


def readable(letter: DeadLetter) -> dict[str, Any]:
    """The letter's message with lines that can be counted."""
    with connection.cursor() as cursor:
        found = dead_letter_store.read(cursor, letter.pk)
    assert found is not None
    assert found.message.value is not None
    fields = json.loads(found.message.value)
    return {
        "key": found.message.key,
        "value": json.dumps({**fields, "count_of_lines": 1000}).encode(),
        "headers": found.message.headers,
    }


def acts(letter: DeadLetter) -> list[tuple[str, str, str]]:
    """What was done, by whom, and why the letter was open then."""
    return list(LetterAct.objects.filter(letter=letter).values_list("kind", "actor", "code"))


def state(letter: DeadLetter) -> str:
    letter.refresh_from_db()
    return letter.state


@pytest.fixture
def letter(user: User, machine: Machine) -> DeadLetter:
    """Parked for a count that is none."""
    return park(solving(user, machine, lines="many"))


def test_a_mended_letter_is_replayed_as_if_it_came_from_its_topic(letter: DeadLetter, user: User) -> None:
    """With the source and id of its envelope; the bytes that came stay."""
    before = bytes(letter.value or b"")
    mend(dead_letter=letter.pk, actor=ANN, words="the count was a word", **readable(letter))
    assert state(letter) == "open"
    assert replay(dead_letter=letter.pk, actor=BEN) == {"recorded": 1}
    assert state(letter) == "replayed"
    assert bytes(letter.value or b"") == before
    event = Event.objects.latest("position")
    sent = parse([(name, _bytes(value)) for name, value in letter.headers], before)
    assert (event.metadata["source"], event.metadata["request_id"]) == (sent.source, sent.id)
    assert balances(user)[f"user:{user.pk}:eaml"] == amount("99.9")
    assert acts(letter) == [("mended", ANN, "not_an_integer"), ("replayed", BEN, "not_an_integer")]
    assert LetterAct.objects.get(kind="mended").words == "the count was a word"
    assert monitoring.read().dead_letters == []


def test_replaying_twice_changes_nothing(letter: DeadLetter, user: User) -> None:
    """The second time it is refused, and who is refused leaves no trace."""
    mend(dead_letter=letter.pk, actor=ANN, **readable(letter))
    replay(dead_letter=letter.pk, actor=ANN)
    before, done = Event.objects.count(), acts(letter)
    for again in (
        lambda: replay(dead_letter=letter.pk, actor=BEN),
        lambda: dismiss(dead_letter=letter.pk, actor=BEN, words="no"),
        lambda: mend(dead_letter=letter.pk, actor=BEN, **readable(letter)),
    ):
        with pytest.raises(DeadLetterResolved, match="was already replayed"):
            again()
    assert (Event.objects.count(), acts(letter), state(letter)) == (before, done, "replayed")


def test_what_the_publisher_sent_again_meanwhile_is_not_posted_twice(
    letter: DeadLetter, user: User, machine: Machine
) -> None:
    """The key of a replay is the message's own."""
    headers = [(name, _bytes(value)) for name, value in letter.headers]
    again = readable(letter)
    sent = Message(
        topic=letter.topic,
        topic_id=str(letter.topic_id),
        partition=0,
        offset=next(_offsets),
        key=b"1",
        value=again["value"],
        headers=headers,
        timestamp=letter.timestamp,
    )
    assert +take([sent], lambda _: None) == {"recorded": 1}
    mend(dead_letter=letter.pk, actor=ANN, **again)
    assert replay(dead_letter=letter.pk, actor=ANN) == {"duplicate": 1}
    assert balances(user)[f"user:{user.pk}:eaml"] == amount("99.9")


def test_a_letter_that_fails_again_stays_open_for_its_new_reason(letter: DeadLetter) -> None:
    """Who tried is kept, with the reason of before."""
    wrong = {**readable(letter), "value": b"{"}
    mend(dead_letter=letter.pk, actor=ANN, **wrong)
    assert replay(dead_letter=letter.pk, actor=ANN) == {"parked": 1}
    assert (state(letter), letter.code) == ("open", "malformed_json")
    assert acts(letter)[-1] == ("replayed", ANN, "not_an_integer")
    assert LetterAct.objects.count() == 2
    assert [each.code for each in monitoring.read().dead_letters] == ["malformed_json"]


def test_of_two_mends_the_later_one_is_replayed(letter: DeadLetter, user: User) -> None:
    """And the earlier one is kept."""
    good = readable(letter)
    mend(dead_letter=letter.pk, actor=ANN, **{**good, "value": b"{"})
    mend(dead_letter=letter.pk, actor=BEN, **good)
    assert replay(dead_letter=letter.pk, actor=ANN) == {"recorded": 1}
    assert [bytes(act.value or b"") for act in LetterAct.objects.filter(kind="mended")] == [
        b"{",
        good["value"],
    ]


def test_a_replayed_message_may_wait_and_come_back(letter: DeadLetter, machine: Machine) -> None:
    """For a user who is not known; its key is used by another command before he is."""
    good = readable(letter)
    value = json.dumps({**json.loads(good["value"]), "operation_user": 5_000_001}).encode()
    mend(dead_letter=letter.pk, actor=ANN, **{**good, "value": value})
    assert replay(dead_letter=letter.pk, actor=ANN) == {"waiting": 1}
    assert state(letter) == "replayed"
    other = solving(make_user(), machine, id=_id(letter))
    assert +take([other], lambda _: None) == {"recorded": 1}
    User.objects.create(pk=5_000_001, email="late@example.com")
    assert +waiting.sweep() == {"parked": 1}
    assert (state(letter), letter.code) == ("open", "conflict")
    assert DeadLetter.objects.count() == 1


def test_a_letter_is_dismissed_with_a_reason(letter: DeadLetter) -> None:
    """Without one it is not."""
    for nothing in ("", "  "):
        with pytest.raises(Invalid):
            dismiss(dead_letter=letter.pk, actor=ANN, words=nothing)
    assert (state(letter), acts(letter)) == ("open", [])
    dismiss(dead_letter=letter.pk, actor=ANN, words="a test of theirs")
    assert state(letter) == "dismissed"
    assert LetterAct.objects.get().words == "a test of theirs"
    with pytest.raises(DeadLetterResolved, match="was already dismissed"):
        replay(dead_letter=letter.pk, actor=BEN)


def test_a_failure_of_the_ledger_itself_leaves_the_letter_open(
    letter: DeadLetter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the replay stays but who tried."""

    def failing(messages: Any, move: Any) -> Any:
        with connection.cursor() as cursor:
            move(cursor)
            cursor.execute("select 1 / 0")

    monkeypatch.setattr(dead_letters, "ROUTES", {letter.topic: _in_one_transaction(failing)})
    assert replay(dead_letter=letter.pk, actor=ANN) == {"parked": 1}
    assert (state(letter), letter.code) == ("open", "internal_error")
    assert acts(letter) == [("replayed", ANN, "not_an_integer")]


def test_the_ledgers_own_messages_are_not_replayed(letter: DeadLetter) -> None:
    """What the broker refused can be dismissed."""
    DeadLetter.objects.filter(pk=letter.pk).update(topic=topics.BILLING_OPERATIONS, partition=-1)
    for act in (
        lambda: replay(dead_letter=letter.pk, actor=ANN),
        lambda: mend(dead_letter=letter.pk, actor=ANN, **_NOTHING),
    ):
        with pytest.raises(NotReplayable):
            act()
    dismiss(dead_letter=letter.pk, actor=ANN, words="told in another way")
    assert state(letter) == "dismissed"


def test_a_letter_that_is_none_is_not_found(letter: DeadLetter) -> None:
    """By any of the three."""
    for act in (
        lambda: replay(dead_letter=0, actor=ANN),
        lambda: mend(dead_letter=0, actor=ANN, **_NOTHING),
        lambda: dismiss(dead_letter=0, actor=ANN, words="no"),
    ):
        with pytest.raises(NotFound):
            act()


def test_two_people_replay_at_once(letter: DeadLetter, user: User) -> None:
    """One of them does."""
    mend(dead_letter=letter.pk, actor=ANN, **readable(letter))
    answers = together(
        *(_tried(lambda who=who: replay(dead_letter=letter.pk, actor=who)) for who in (ANN, BEN))
    )
    assert sorted(map(str, answers)) == ["Counter({'recorded': 1})", "letter_resolved"]
    assert balances(user)[f"user:{user.pk}:eaml"] == amount("99.9")
    assert [kind for kind, _, _ in acts(letter)] == ["mended", "replayed"]


@pytest.mark.parametrize("_", range(5))
def test_one_replays_while_another_dismisses(_: int, letter: DeadLetter, user: User) -> None:
    """Whoever comes first decides; the state says what happened to the money."""
    mend(dead_letter=letter.pk, actor=ANN, **readable(letter))
    answers = together(
        _tried(lambda: replay(dead_letter=letter.pk, actor=ANN)),
        _tried(lambda: dismiss(dead_letter=letter.pk, actor=BEN, words="no")),
    )
    assert answers.count("letter_resolved") == 1
    spent = {"replayed": amount("0.1"), "dismissed": amount(0)}[state(letter)]
    assert balances(user)[f"user:{user.pk}:eaml"] == 100 - spent
    assert [kind for kind, _, _ in acts(letter)] == ["mended", state(letter)]


@pytest.mark.parametrize("_", range(5))
def test_one_replays_while_another_mends(_: int, letter: DeadLetter, user: User) -> None:
    """What is replayed is what the letter says at that moment, or nothing is."""
    mend(dead_letter=letter.pk, actor=ANN, **readable(letter))
    answers = together(
        _tried(lambda: replay(dead_letter=letter.pk, actor=ANN)),
        _tried(lambda: mend(dead_letter=letter.pk, actor=BEN, **{**readable(letter), "value": b"{"})),
    )
    if state(letter) == "replayed":
        assert answers[1] == "letter_resolved"
        assert balances(user)[f"user:{user.pk}:eaml"] == amount("99.9")
    else:
        assert answers[0] in ("busy", Counter(parked=1))
        assert answers[1] is None
        assert balances(user)[f"user:{user.pk}:eaml"] == amount(100)


def test_who_did_what_is_never_changed(letter: DeadLetter) -> None:
    """The table is append-only."""
    dismiss(dead_letter=letter.pk, actor=ANN, words="no")
    for statement in (
        "update events_letter_act set actor = 'nobody'",
        "delete from events_letter_act",
        "truncate events_letter_act",
    ):
        with pytest.raises(DatabaseError) as refused, connection.cursor() as cursor:
            cursor.execute(statement)
        assert getattr(refused.value.__cause__, "pgcode", None) == APPEND_ONLY


def test_the_command_shows_mends_replays_and_dismisses(
    letter: DeadLetter, user: User, machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it shows is what it takes."""
    other = park(solving(user, machine, lines=None))
    call_command("dead_letters", "list")
    assert capsys.readouterr().out.splitlines() == [
        f"{each.pk}  open  training.operations[0]@{each.offset}  {each.reason}" for each in (letter, other)
    ]
    call_command("dead_letters", "show", letter.pk)
    shown = json.loads(capsys.readouterr().out)
    assert shown["key"] == "1"
    mended = tmp_path / "mended.json"
    mended.write_text(json.dumps({**shown, "value": shown["value"].replace('"many"', "1000")}))
    call_command("dead_letters", "mend", letter.pk, "--file", str(mended), "--by", "ann", "--why", "a word")
    call_command("dead_letters", "replay", letter.pk, "--by", "ben")
    assert f"dead letter {letter.pk} is replayed: recorded" in capsys.readouterr().out
    with pytest.raises(CommandError, match="letter_resolved"):
        call_command("dead_letters", "replay", letter.pk, "--by", "ben")
    with pytest.raises(CommandError, match="failed again"):
        call_command("dead_letters", "replay", other.pk, "--by", "ben")
    call_command("dead_letters", "dismiss", other.pk, "--by", "ben", "--why", "a test")
    call_command("dead_letters", "show", letter.pk)
    assert "mended by ann: a word\n" in capsys.readouterr().err
    call_command("dead_letters", "list")
    assert capsys.readouterr().out == ""


def test_a_file_that_is_no_message_is_refused(letter: DeadLetter, tmp_path: Path) -> None:
    """With what is wrong, and nothing is kept."""
    for written in ("", "[]", "{}", '{"key": "", "value": "base64:?", "headers": []}', '{"headers": [1]}'):
        path = tmp_path / "wrong.json"
        path.write_text(written)
        with pytest.raises(CommandError, match="is not JSON as `show` prints it"):
            call_command("dead_letters", "mend", letter.pk, "--file", str(path), "--by", "ann")
    assert acts(letter) == []


@given(content=st.none() | st.binary(min_size=1) | st.text(min_size=1).map(str.encode))
def test_bytes_written_as_text_come_back(content: bytes | None) -> None:
    """Whatever they are; a browser's line ends are the only thing that changes nothing."""
    assert from_text(to_text(content)) == content
    assert from_text(to_text(content).replace("\n", "\r\n")) == content


@given(headers=st.lists(st.tuples(st.text(), st.none() | st.binary())))
def test_headers_written_as_text_come_back(headers: list[tuple[str, bytes | None]]) -> None:
    """Those without a value too."""
    assert headers_from_text(headers_to_text(headers)) == headers


_NOTHING: Final[dict[str, Any]] = {"key": None, "value": None, "headers": []}


def _tried(act: Any) -> Any:
    """What came of it, or the code of its refusal."""

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


def _id(letter: DeadLetter) -> str:
    return next(base64.b64decode(value).decode() for name, value in letter.headers if name == "ce_id")

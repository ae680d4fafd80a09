"""What people do about dead letters: mend, replay, dismiss.

# Note [Replaying]
A message that is replayed takes the route of its topic, without a position to move: the lock on its
letter is the first act of the transaction instead, and makes it `replayed`. Whatever the route does then
counts for it too. If it parks the message once more, at once or after it has waited, the letter is open
again with the new reason; if it fails, nothing has happened.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from django.db import connection, transaction

from events.kafka import dead_letter_store
from events.kafka.dead_letter_store import StoredDeadLetter
from events.kafka.handler import MessageHandler, TryAgain
from events.poison import INTERNAL_ERROR, POISON, is_poison, reason_of
from ledger.domain.errors import Busy, Invalid, LedgerError, NotFound
from ledger.intake.routes import ROUTES

_NAME_MAX: Final = 200


class LetterResolved(LedgerError):
    """The dead letter was replayed or dismissed before."""

    code = "letter_resolved"
    status = 409


class NotReplayable(LedgerError):
    """The dead letter is of a topic that the ledger does not read: it can only be dismissed."""

    code = "not_replayable"
    status = 422


def mend(
    *,
    letter: int,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]],
    actor: str,
    words: str = "",
) -> None:
    """Keep another message to be replayed in place of the one that came, which stays as it is.

    Raises `NotFound`, `LetterResolved`, `NotReplayable`, `Invalid`.
    """
    _check_actor(actor)
    if any("\x00" in name for name, _ in headers):
        raise Invalid("the name of a header has a NUL in it", field="headers")
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        found = _opened(cursor, letter)
        _route_of(found)
        mended = replace(found.message, key=key, value=value, headers=headers)
        dead_letter_store.note(cursor, replace(found, message=mended), "mended", actor=actor, words=words)


def replay(*, letter: int, actor: str) -> Counter[str]:
    """Send the message, as it was mended last, the way of its topic; what became of it.

    It is `recorded`, `rejected`, a `duplicate`, `waiting`, or `parked`: then the letter is open again, for
    its new reason. Raises `NotFound`, `LetterResolved`, `NotReplayable`, `Busy`.
    """
    _check_actor(actor)
    with connection.cursor() as cursor:
        found = _checked(dead_letter_store.read(cursor, letter), letter)
    message, take = found.message, _route_of(found)

    def begin(cursor: Any) -> None:
        opened = _opened(cursor, letter)
        if opened.message != message:
            raise Busy("somebody mended the message meanwhile: replay it again")
        dead_letter_store.resolve(cursor, opened, "replayed")
        dead_letter_store.note(cursor, opened, "replayed", actor=actor)

    try:
        return +take([message], begin)
    except TryAgain as error:
        raise Busy(str(error)) from error
    except POISON as error:
        if not is_poison(error):
            raise
        _note_failure(letter, actor, error)
        return Counter(parked=1)


def dismiss(*, letter: int, actor: str, words: str) -> None:
    """Nothing is to become of it; `words` say why. Raises `NotFound`, `LetterResolved`, `Invalid`."""
    _check_actor(actor)
    if not words.strip():
        raise Invalid("say why nothing is to become of the message", field="words")
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        found = _opened(cursor, letter)
        dead_letter_store.resolve(cursor, found, "dismissed")
        dead_letter_store.note(cursor, found, "dismissed", actor=actor, words=words.strip())


def _opened(cursor: Any, letter: int) -> StoredDeadLetter:
    """The letter, locked; raises where it is not open."""
    return _checked(dead_letter_store.lock(cursor, letter), letter)


def _checked(found: StoredDeadLetter | None, letter: int) -> StoredDeadLetter:
    if found is None:
        raise NotFound(f"there is no dead letter {letter}", field="letter")
    if found.state != "open":
        raise LetterResolved(f"dead letter {letter} was {found.state} before", state=found.state)
    return found


def _route_of(letter: StoredDeadLetter) -> MessageHandler:
    topic = letter.message.topic
    if topic not in ROUTES:
        raise NotReplayable(f"the ledger reads no messages of {topic}", topic=topic)
    return ROUTES[topic]


def _note_failure(letter: int, actor: str, error: Exception) -> None:
    """The ledger itself failed on it: it stays open for that reason."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        found = _opened(cursor, letter)
        dead_letter_store.note(cursor, found, "replayed", actor=actor)
        dead_letter_store.fail(cursor, found, code=INTERNAL_ERROR, reason=reason_of(error))


def _check_actor(actor: str) -> None:
    if not 1 <= len(actor) <= _NAME_MAX:
        raise Invalid(f"who does it has a name of 1 to {_NAME_MAX} characters", field="actor")

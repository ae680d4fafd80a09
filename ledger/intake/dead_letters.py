"""Actions of people on dead letters: mend, replay, dismiss.

# Note [Replaying]
A replayed message goes to the handler of its topic. It has no position to move; instead the transaction
begins by locking the dead letter and marking it `replayed`. If the message becomes a dead letter again, at
once or after it has waited, the same dead letter is open again with the new reason. If the handler fails, the
transaction is rolled back and nothing has changed.

# Note [Mending]
A mended message can move any amount in the name of a service, so it takes two people: one mends it, another
reads it and replays it. It keeps the topic, source and id of the original, because with another id a message
that its publisher has sent again would be posted twice.
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
from ledger.domain.errors import Busy, Invalid, LedgerError, NotFound, SelfApproval
from ledger.intake.identity import check_identity
from ledger.intake.routes import ROUTES

_NAME_MAX: Final = 200


class DeadLetterResolved(LedgerError):
    """The dead letter was already replayed or dismissed."""

    code = "letter_resolved"
    status = 409


class NotReplayable(LedgerError):
    """The ledger does not read the dead letter's topic, so it can only be dismissed."""

    code = "not_replayable"
    status = 422


def mend(
    *,
    dead_letter: int,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]],
    actor: str,
    words: str = "",
) -> None:
    """Store a message to be replayed in place of the original, which is kept unchanged.

    Raises `NotFound`, `DeadLetterResolved`, `NotReplayable`, and `Invalid` if it changes the source or id of
    the original: Note [Mending].
    """
    _check_actor(actor)
    if any("\x00" in name for name, _ in headers):
        raise Invalid("a header name contains a NUL", field="headers")
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        found = _lock_open(cursor, dead_letter)
        _handler_of(found)
        mended = replace(found.message, key=key, value=value, headers=headers)
        check_identity(found.original, mended)
        dead_letter_store.note(cursor, replace(found, message=mended), "mended", actor=actor, words=words)


def replay(*, dead_letter: int, actor: str, mend: int | None = None) -> Counter[str]:
    """Pass the message, as last mended, to the handler of its topic; return its outcome, counted once.

    `mend` is the id of the mend that the actor has read, None for the original. A mended message is replayed
    by another person than the one who mended it. The outcome is `recorded`, `rejected`, `duplicate`,
    `waiting`, or `parked`: then the dead letter is open again with the new reason. Raises `NotFound`,
    `DeadLetterResolved`, `NotReplayable`, `SelfApproval`, and `Busy` if the message was mended meanwhile.
    """
    _check_actor(actor)
    with connection.cursor() as cursor:
        found = _require_open(dead_letter_store.read(cursor, dead_letter), dead_letter)
    handle = _handler_of(found)
    if found.mend != mend:
        raise Busy("the message was mended meanwhile: read it again before it is replayed")
    if found.mended_by == actor:
        raise SelfApproval("a mended message is replayed by another person than the one who mended it")
    metadata = dead_letter_store.replay_metadata(found.id, mended_by=found.mended_by, replayed_by=actor)
    message = replace(found.message, replay=metadata)

    def begin(cursor: Any) -> None:
        locked = _lock_open(cursor, dead_letter)
        if locked.mend != mend:
            raise Busy("the message was mended meanwhile: read it again before it is replayed")
        dead_letter_store.resolve(cursor, locked, "replayed")
        dead_letter_store.note(cursor, locked, "replayed", actor=actor)

    try:
        return +handle([message], begin)
    except TryAgain as error:
        raise Busy(str(error)) from error
    except POISON as error:
        if not is_poison(error):
            raise
        _note_failure(dead_letter, actor, error)
        return Counter(parked=1)


def dismiss(*, dead_letter: int, actor: str, words: str) -> None:
    """Close a dead letter unreplayed; `words` say why. Raises `NotFound`, `DeadLetterResolved`, `Invalid`."""
    _check_actor(actor)
    if not words.strip():
        raise Invalid("say why the message is dismissed", field="words")
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        found = _lock_open(cursor, dead_letter)
        dead_letter_store.resolve(cursor, found, "dismissed")
        dead_letter_store.note(cursor, found, "dismissed", actor=actor, words=words.strip())


def _lock_open(cursor: Any, dead_letter: int) -> StoredDeadLetter:
    """Lock and return a dead letter; raise if it is not open."""
    return _require_open(dead_letter_store.lock(cursor, dead_letter), dead_letter)


def _require_open(found: StoredDeadLetter | None, dead_letter: int) -> StoredDeadLetter:
    if found is None:
        raise NotFound(f"there is no dead letter {dead_letter}", field="letter")
    if found.state != "open":
        raise DeadLetterResolved(f"dead letter {dead_letter} was already {found.state}", state=found.state)
    return found


def _handler_of(found: StoredDeadLetter) -> MessageHandler:
    topic = found.message.topic
    if topic not in ROUTES:
        raise NotReplayable(f"the ledger does not read {topic}", topic=topic)
    return ROUTES[topic]


def _note_failure(dead_letter: int, actor: str, error: Exception) -> None:
    """Note that the handler itself failed; the dead letter stays open with that reason."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        found = _lock_open(cursor, dead_letter)
        dead_letter_store.note(cursor, found, "replayed", actor=actor)
        dead_letter_store.fail(cursor, found, code=INTERNAL_ERROR, reason=reason_of(error))


def _check_actor(actor: str) -> None:
    if not 1 <= len(actor) <= _NAME_MAX:
        raise Invalid(f"the actor's name must have 1 to {_NAME_MAX} characters", field="actor")

"""Dead letters as they are dealt with: locked, mended, resolved, with who did what."""

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from events.kafka.message import Message
from events.kafka.stored_messages import decode_headers, encode_headers, message_from

Act: TypeAlias = Literal["mended", "replayed", "dismissed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDeadLetter:
    """A dead letter. `message` is what a replay takes: as it was mended last, else as it came."""

    id: int
    state: str
    code: str
    reason: str
    message: Message


def why(code: str, reason: str) -> str:
    """Why a letter is open: a contract's reason begins with its code, others do not."""
    return reason if reason.startswith(code) else f"{code}: {reason}"


def lock(cursor: Any, letter: int) -> StoredDeadLetter | None:
    """Lock a dead letter to the end of the transaction; None where there is none of this id."""
    cursor.execute("select id from events_dead_letter where id = %s for update", [letter])
    return None if cursor.fetchone() is None else read(cursor, letter)


def read(cursor: Any, letter: int) -> StoredDeadLetter | None:
    """A dead letter of this id, if there is one."""
    cursor.execute(
        """select topic_id::text, topic, partition, "offset", key, value, headers::text, timestamp,
                  id, state, code, reason
           from events_dead_letter where id = %s""",
        [letter],
    )
    row = cursor.fetchone()
    if row is None:
        return None
    cursor.execute(
        """select key, value, headers::text from events_letter_act
           where letter_id = %s and kind = 'mended' order by id desc limit 1""",
        [letter],
    )
    message, mended = message_from(row), cursor.fetchone()
    if mended is not None:
        key, value = (None if each is None else bytes(each) for each in mended[:2])
        message = replace(message, key=key, value=value, headers=decode_headers(mended[2]))
    return StoredDeadLetter(id=row[8], state=row[9], code=row[10], reason=row[11], message=message)


def note(cursor: Any, letter: StoredDeadLetter, act: Act, *, actor: str, words: str = "") -> None:
    """Note who did it. For `mended`, `letter.message` is the message as it is now."""
    mended = letter.message if act == "mended" else None
    cursor.execute(
        """insert into events_letter_act
               (letter_id, kind, actor, at, words, code, reason, key, value, headers)
           values (%s, %s, %s, clock_timestamp(), %s, %s, %s, %s, %s, %s)""",
        [
            letter.id,
            act,
            actor,
            words,
            letter.code,
            letter.reason,
            None if mended is None else mended.key,
            None if mended is None else mended.value,
            None if mended is None else encode_headers(mended.headers),
        ],
    )


def resolve(cursor: Any, letter: StoredDeadLetter, state: Literal["replayed", "dismissed"]) -> None:
    """It is dealt with. Parked again in the same transaction or later, a replayed one is open again."""
    cursor.execute("update events_dead_letter set state = %s where id = %s", [state, letter.id])


def fail(cursor: Any, letter: StoredDeadLetter, *, code: str, reason: str) -> None:
    """It stays open, for another reason."""
    cursor.execute(
        "update events_dead_letter set code = %s, reason = %s where id = %s", [code, reason, letter.id]
    )

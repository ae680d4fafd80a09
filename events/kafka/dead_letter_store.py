"""Reads, locks, mends and resolves dead letters, and records the actor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from events.kafka.message import Message
from events.kafka.stored_messages import decode_headers, encode_headers, message_from

Act: TypeAlias = Literal["mended", "replayed", "dismissed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDeadLetter:
    """A dead letter. `message` is the one to replay: the latest mended one, or the original.

    `mend` is the id of the latest mend and `mended_by` its actor; both are None if `message` is the original.
    """

    id: int
    state: str
    code: str
    reason: str
    message: Message
    original: Message
    mend: int | None = None
    mended_by: str | None = None


def full_reason(code: str, reason: str) -> str:
    """Return the reason of a dead letter, prefixed with its code unless it begins with it."""
    return reason if reason.startswith(code) else f"{code}: {reason}"


def lock(cursor: Any, dead_letter: int) -> StoredDeadLetter | None:
    """Lock a dead letter until the transaction ends; return None if there is none with this id."""
    cursor.execute("select id from events_dead_letter where id = %s for update", [dead_letter])
    return None if cursor.fetchone() is None else read(cursor, dead_letter)


def read(cursor: Any, dead_letter: int) -> StoredDeadLetter | None:
    """Return the dead letter with this id, if there is one."""
    cursor.execute(
        """select topic_id::text, topic, partition, "offset", key, value, headers::text, timestamp,
                  id, state, code, reason
           from events_dead_letter where id = %s""",
        [dead_letter],
    )
    row = cursor.fetchone()
    if row is None:
        return None
    cursor.execute(
        """select key, value, headers::text, id, actor from events_letter_act
           where letter_id = %s and kind = 'mended' order by id desc limit 1""",
        [dead_letter],
    )
    original, mended = message_from(row), cursor.fetchone()
    found = StoredDeadLetter(
        id=row[8], state=row[9], code=row[10], reason=row[11], message=original, original=original
    )
    if mended is None:
        return found
    key, value = (None if each is None else bytes(each) for each in mended[:2])
    message = replace(original, key=key, value=value, headers=decode_headers(mended[2]))
    return replace(found, message=message, mend=mended[3], mended_by=mended[4])


def replay_metadata(dead_letter: int, *, mended_by: str | None, replayed_by: str) -> dict[str, str]:
    """Return what an event says of the replay of a dead letter."""
    letter = {"letter": str(dead_letter)}
    if mended_by is None:
        return {**letter, "replayed_by": replayed_by}
    return {**letter, "mended_by": mended_by, "approved_by": replayed_by}


def with_replays(cursor: Any, messages: Sequence[Message]) -> list[Message]:
    """Return the messages; those that are replayed dead letters get the metadata of their latest replay."""
    cursor.execute(
        """select letter.topic_id::text, letter.partition, letter."offset",
                  letter.id, mend.actor, replay.actor
           from unnest(%s::uuid[], %s::integer[], %s::bigint[]) as wanted(topic_id, partition, "offset")
           join events_dead_letter letter using (topic_id, partition, "offset")
           join lateral (
               select act.id, act.actor from events_letter_act act
               where act.letter_id = letter.id and act.kind = 'replayed'
               order by act.id desc limit 1) replay on true
           left join lateral (
               select act.actor from events_letter_act act
               where act.letter_id = letter.id and act.kind = 'mended' and act.id < replay.id
               order by act.id desc limit 1) mend on true
           where letter.state = 'replayed'""",
        [
            [each.topic_id for each in messages],
            [each.partition for each in messages],
            [each.offset for each in messages],
        ],
    )
    found: Mapping[tuple[str, int, int], dict[str, str]] = {
        (topic_id, partition, offset): replay_metadata(letter, mended_by=mended_by, replayed_by=replayed_by)
        for topic_id, partition, offset, letter, mended_by, replayed_by in cursor.fetchall()
    }
    return [
        replace(each, replay=found.get((each.topic_id, each.partition, each.offset), {})) for each in messages
    ]


def note(cursor: Any, dead_letter: StoredDeadLetter, act: Act, *, actor: str, words: str = "") -> None:
    """Record an action and its actor. For `mended`, `dead_letter.message` is the mended message."""
    mended = dead_letter.message if act == "mended" else None
    cursor.execute(
        """insert into events_letter_act
               (letter_id, kind, actor, at, words, code, reason, key, value, headers)
           values (%s, %s, %s, clock_timestamp(), %s, %s, %s, %s, %s, %s)""",
        [
            dead_letter.id,
            act,
            actor,
            words,
            dead_letter.code,
            dead_letter.reason,
            None if mended is None else mended.key,
            None if mended is None else mended.value,
            None if mended is None else encode_headers(mended.headers),
        ],
    )


def resolve(cursor: Any, dead_letter: StoredDeadLetter, state: Literal["replayed", "dismissed"]) -> None:
    """Mark a dead letter as replayed or dismissed. A replayed one that is parked again is open again."""
    cursor.execute("update events_dead_letter set state = %s where id = %s", [state, dead_letter.id])


def fail(cursor: Any, dead_letter: StoredDeadLetter, *, code: str, reason: str) -> None:
    """Give an open dead letter another reason."""
    cursor.execute(
        "update events_dead_letter set code = %s, reason = %s where id = %s", [code, reason, dead_letter.id]
    )

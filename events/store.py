"""The event store: claim keys, allocate positions, append, read. Every function runs on the caller's cursor.

Events that are read are lifted to the current version of their type (see `events.upcasting`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from pydantic_core import from_json, to_json

from events.arrays import binaries, numbers, texts
from events.copying import escaped, moment, write_rows
from events.identifiers import uuid7
from events.message import StoredEvent
from events.pipeline import Statement, execute, query, send_later
from events.upcasting import lift, require_current

_COLUMNS = (
    "position",
    "id",
    "stream",
    "type",
    "schema_version",
    "data",
    "metadata",
    "occurred_at",
    "recorded_at",
)
SELECT = """select position, id::text, stream, type, schema_version, data::text, metadata::text,
                    occurred_at, recorded_at from events_event"""
"""The columns that `stored_event` reads."""
_CLAIM_KEYS = Statement(
    "claim_keys",
    """insert into events_key (source, request_id, fingerprint, event_id)
       select * from unnest($1::text[], $2::text[], $3::bytea[], $4::uuid[])
       on conflict do nothing""",
)
_ALLOCATE_POSITIONS = Statement(
    "allocate_positions", "select nextval('events_event_position_seq') from generate_series(1, $1::integer)"
)


class Key(NamedTuple):
    """An idempotency key: unique per source."""

    source: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The claim of a key: the fingerprint of the command, and the id of the event that answers it."""

    fingerprint: bytes
    event_id: str


def find_keys(cursor: Any, keys: Sequence[Key]) -> dict[Key, Claim]:
    """Return the claims of those keys that are used, without a lock."""
    if not keys:
        return {}
    cursor.execute(
        """select k.source, k.request_id, k.fingerprint, k.event_id::text
           from unnest(%s::text[], %s::text[]) as asked(source, request_id)
           join events_key k on k.source = asked.source and k.request_id = asked.request_id""",
        [texts(key.source for key in keys), texts(key.request_id for key in keys)],
    )
    return {Key(row[0], row[1]): Claim(bytes(row[2]), row[3]) for row in cursor.fetchall()}


def claim_keys(cursor: Any, claims: Mapping[Key, Claim]) -> dict[Key, Claim]:
    """Claim the keys in sorted order; return the claims of keys that were used before.

    Waits for other transactions that are claiming one of them.
    """
    if not claims:
        return {}
    ordered = sorted(claims)
    claimed = execute(
        cursor,
        _CLAIM_KEYS,
        texts(key.source for key in ordered),
        texts(key.request_id for key in ordered),
        binaries(claims[key].fingerprint for key in ordered),
        numbers(claims[key].event_id for key in ordered),
    )
    if claimed == len(ordered):
        return {}
    # A second statement, because the first one's snapshot may be older than what it waited for.
    found = find_keys(cursor, ordered)
    return {key: claim for key, claim in found.items() if claim.event_id != claims[key].event_id}


def allocate_positions(cursor: Any, count: int) -> list[int]:
    """Allocate the next positions of the global order, and return them in ascending order.

    The table lock comes before the first `nextval`: it shows the settler which transactions may still append.
    """
    send_later(cursor, "lock table events_event in row exclusive mode")
    return [position for (position,) in query(cursor, _ALLOCATE_POSITIONS, count)]


def append(cursor: Any, events: Iterable[StoredEvent]) -> None:
    """Append events at the positions allocated to them. Raises `UnknownEvent`.

    The iterable may make each event while the one before is written, but must not use the connection: see
    `write_rows`. Note [Upcasting] says why only current versions are accepted.
    """
    write_rows(cursor, "events_event", _COLUMNS, map(_line, events))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A fact that no command led to, on its way into the log. Fields are those of `StoredEvent`."""

    stream: str
    type: str
    data: Mapping[str, Any]
    metadata: Mapping[str, Any]
    occurred_at: datetime
    recorded_at: datetime
    id: str = field(default_factory=uuid7)


def append_facts(cursor: Any, facts: Sequence[Fact]) -> list[StoredEvent]:
    """Append facts in the caller's transaction, and return their events.

    Positions are allocated here, so call this last: until the commit, readers of the log wait at them.
    """
    positions = allocate_positions(cursor, len(facts))
    events = [
        StoredEvent(
            position=position,
            id=fact.id,
            stream=fact.stream,
            type=fact.type,
            schema_version=1,
            data=fact.data,
            metadata=fact.metadata,
            occurred_at=fact.occurred_at,
            recorded_at=fact.recorded_at,
        )
        for position, fact in zip(positions, facts, strict=True)
    ]
    append(cursor, events)
    return events


def get(cursor: Any, event_ids: Sequence[str]) -> dict[str, StoredEvent]:
    """Return events by id. Unknown ids are left out."""
    if not event_ids:
        return {}
    cursor.execute(f"{SELECT} where id = any(%s::uuid[])", [numbers(event_ids)])
    return {event.id: event for event in map(_event, cursor.fetchall())}


def read(*, after: int, upto: int, limit: int) -> list[StoredEvent]:
    """Return the events with after < position ≤ upto, in order. `upto` is at most the settled position."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"{SELECT} where position > %s and position <= %s order by position limit %s",
            [after, upto, limit],
        )
        return [_event(row) for row in cursor.fetchall()]


def read_all(*, upto: int, after: int = 0, chunk: int = 2000) -> Iterator[StoredEvent]:
    """Yield the events up to a settled position, in order, holding one chunk in memory."""
    while batch := read(after=after, upto=upto, limit=chunk):
        yield from batch
        after = batch[-1].position


def dump(value: Any) -> str:
    """Return JSON as the log stores it: compact, keys in their order, amounts already strings."""
    return to_json(value).decode()


def _line(event: StoredEvent) -> str:
    require_current(event)
    return (
        f"{event.position}\t{event.id}\t{escaped(event.stream)}\t{event.type}\t{event.schema_version}\t"
        f"{escaped(dump(event.data))}\t{escaped(dump(event.metadata))}\t"
        f"{moment(event.occurred_at)}\t{moment(event.recorded_at)}"
    )


def stored_event(row: Sequence[Any]) -> StoredEvent:
    """Return the event of a row of `SELECT`, in its stored version."""
    return StoredEvent(
        position=row[0],
        id=row[1],
        stream=row[2],
        type=row[3],
        schema_version=row[4],
        data=from_json(row[5]),
        metadata=from_json(row[6]),
        occurred_at=row[7],
        recorded_at=row[8],
    )


def _event(row: Sequence[Any]) -> StoredEvent:
    return lift(stored_event(row))


__all__ = [
    "SELECT",
    "Claim",
    "Fact",
    "Key",
    "StoredEvent",
    "allocate_positions",
    "append",
    "append_facts",
    "claim_keys",
    "dump",
    "find_keys",
    "get",
    "read",
    "read_all",
    "stored_event",
]

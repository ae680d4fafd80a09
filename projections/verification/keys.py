"""Compares idempotency keys with events, in both directions."""

from collections.abc import Sequence
from hashlib import md5
from typing import Any, Final

from events import store
from events.message import StoredEvent
from ledger.engine.submission import fingerprint_of
from projections.verification.findings import Findings

# Events that no command led to. All others answer a command and have its key.
WITHOUT_KEY: Final = frozenset({"operation.linked", "user.closed", "machine.deleted"})


class Keys:
    """Sums a digest of every key that the events should have, to compare with the stored keys.

    Looking up each key costs more than the rest of its event. Two sums of 60-bit digests over one scan show
    whether the keys agree; only if they do not are keys looked up and reported.
    """

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._count = 0
        self._sums = [0, 0]

    def note(self, events: Sequence[StoredEvent]) -> None:
        """Add the keys of these events."""
        for event in events:
            if event.type in WITHOUT_KEY:
                continue
            key, fingerprint = _key(event), fingerprint_of(event.data["command"])
            row = f"{key.source}\t{key.request_id}\t{fingerprint.hex()}\t{event.id}"
            digest = md5(row.encode(), usedforsecurity=False).hexdigest()
            self._sums[0] += int(digest[:15], 16)
            self._sums[1] += int(digest[15:30], 16)
            self._count += 1

    def agree(self, cursor: Any) -> bool:
        """Return whether the stored keys are the keys of the events."""
        cursor.execute(
            """select count(*), coalesce(sum(('x0' || left(digest, 15))::bit(64)::bigint), 0),
                      coalesce(sum(('x0' || substr(digest, 16, 15))::bit(64)::bigint), 0)
               from (select md5(source || e'\\t' || request_id || e'\\t' || encode(fingerprint, 'hex')
                                || e'\\t' || event_id::text) as digest
                     from events_key) keys""",
        )
        count, *sums = cursor.fetchone()
        return (count, *map(int, sums)) == (self._count, *self._sums)

    def name(self, cursor: Any, events: Sequence[StoredEvent]) -> None:
        """Look up the keys of these events and report missing and different ones."""
        keyed = [event for event in events if event.type not in WITHOUT_KEY]
        claims = store.find_keys(cursor, [_key(event) for event in keyed])
        for event in keyed:
            key = _key(event)
            claim, where = claims.get(key), f"event {event.position}"
            if claim is None:
                expected = f"a key {key.source} {key.request_id}"
                self._findings.add(where, "events_key", expected=expected, found="no row")
                continue
            where = f"{where}, key {key.source} {key.request_id}"
            made = fingerprint_of(event.data["command"])
            if claim.event_id != event.id:
                self._findings.add(where, "events_key.event_id", expected=event.id, found=claim.event_id)
            elif claim.fingerprint != made:
                found = claim.fingerprint.hex()
                self._findings.add(where, "events_key.fingerprint", expected=made.hex(), found=found)

    def name_others(self, cursor: Any) -> None:
        """Report the keys that lead to no event, or to an event with another key."""
        cursor.execute(
            """select k.source, k.request_id, k.event_id::text, e.position
               from events_key k left join events_event e on e.id = k.event_id
               where (e.metadata ->> 'source', e.metadata ->> 'request_id')
                     is distinct from (k.source::text, k.request_id::text)
               order by k.source, k.request_id""",
        )
        while rows := cursor.fetchmany(1000):
            for source, request_id, event_id, position in rows:
                found = f"event {position} of another key" if position else f"event {event_id}, which is none"
                self._findings.add(
                    f"key {source} {request_id}",
                    "events_key.event_id",
                    expected="the event that names this key",
                    found=found,
                )


def _key(event: StoredEvent) -> store.Key:
    return store.Key(str(event.metadata.get("source")), str(event.metadata.get("request_id")))

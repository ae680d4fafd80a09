"""Idempotency keys and events: one answers for the other, both ways."""

from collections.abc import Sequence
from typing import Any, Final

from events import store
from events.message import StoredEvent
from ledger.commands import fingerprint_of
from projections.verification.findings import Findings

# What is appended without a command: the others answer one, and have its key.
_WITHOUT_KEY: Final = frozenset({"tariff.published", "operation.linked", "user.closed"})


class Keys:
    """Counts the keys that were found for events; whatever else is in the table answers for nothing."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._matched = 0

    def check(self, cursor: Any, events: Sequence[StoredEvent]) -> None:
        """Every event that a command led to has its key, with the fingerprint of that command."""
        keys = {
            event.position: store.Key(str(event.metadata["source"]), str(event.metadata["request_id"]))
            for event in events
            if "source" in event.metadata and "request_id" in event.metadata
        }
        claims = store.find_keys(cursor, list(keys.values()))
        for event in events:
            key = keys.get(event.position)
            claim = None if key is None else claims.get(key)
            where = f"event {event.position}"
            if claim is None or key is None:
                if event.type not in _WITHOUT_KEY:
                    self._findings.add(
                        where, "events_key", expected=f"a key of {_named(key)}", found="no row"
                    )
                continue
            self._matched += 1
            where = f"{where}, key {_named(key)}"
            if claim.event_id != event.id:
                self._findings.add(where, "events_key.event_id", expected=event.id, found=claim.event_id)
            elif claim.fingerprint != (made := fingerprint_of(event.data["command"])):
                self._findings.add(
                    where,
                    "events_key.fingerprint",
                    expected=made.hex(),
                    found=claim.fingerprint.hex(),
                )

    def finish(self, cursor: Any) -> None:
        """Name the keys that lead to no event, or to one that names another key."""
        cursor.execute("select count(*) from events_key")
        if cursor.fetchone()[0] == self._matched:
            return
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


def _named(key: store.Key | None) -> str:
    return "its source" if key is None else f"{key.source} {key.request_id}"

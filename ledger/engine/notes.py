"""Stores free texts outside the log. An event has only their HMACs, so a text can be erased without
invalidating a hash.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from events.message import StoredEvent


class Note(NamedTuple):
    """A text that belongs to an event, with a salt of its own (32 bytes)."""

    event_id: str
    name: str
    salt: bytes
    text: str


def fingerprinted(event: StoredEvent, texts: Mapping[str, str]) -> tuple[StoredEvent, list[Note]]:
    """Return the event with the HMACs (SHA-256, hex) of the texts in its data, and the notes to store."""
    made = [Note(event.id, name, os.urandom(32), text) for name, text in texts.items()]
    macs = {note.name: _mac(note.salt, note.text) for note in made}
    return replace(event, data={**event.data, "notes": macs}), made


def write(cursor: Any, notes: Sequence[Note]) -> None:
    """Store notes."""
    if notes:
        cursor.execute(
            """insert into events_note (event_id, name, salt, text)
               select * from unnest(%s::uuid[], %s::text[], %s::bytea[], %s::text[])""",
            [list(column) for column in zip(*notes, strict=True)],
        )


def agree(cursor: Any, event: StoredEvent, texts: Mapping[str, str]) -> bool:
    """Return True if the texts are those of the event. An erased note agrees with any text."""
    macs: Mapping[str, str] = event.data.get("notes", {})
    if set(macs) != set(texts):
        return False
    if not texts:
        return True
    cursor.execute("select name, salt from events_note where event_id = %s", [event.id])
    return all(
        salt is None or hmac.compare_digest(_mac(bytes(salt), texts[name]), macs[name])
        for name, salt in cursor.fetchall()
    )


def _mac(salt: bytes, text: str) -> str:
    return hmac.new(salt, text.encode(), hashlib.sha256).hexdigest()

"""Messages to the ledger. Their id, key and bytes are fixed when they are prepared."""

import secrets
import time as clock
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Optional
from uuid import UUID

from .envelope import MAX_ID_CHARACTERS, CloudEvent, parse, to_kafka
from .message import Incoming
from .payloads import encode

Payload = Incoming


@dataclass(frozen=True)
class Publication:
    """A message, the same bytes each time it is sent.

    ``id`` is unique within ``source``, and the ledger identifies duplicates by the pair: sending
    this object again never charges twice. ``key`` is the payer's user id as a string, or the id of
    the reference data.
    """

    id: str
    source: str
    topic: str
    key: str
    payload: Payload
    headers: tuple[tuple[str, bytes], ...]
    value: bytes


class PublishFailed(Exception):
    """The broker did not acknowledge these publications; some of them may have arrived.

    Send them again with ``Publisher.send``: those that arrived are not recorded twice.
    """

    def __init__(self, publications: Sequence[Publication], reason: str) -> None:
        super().__init__(f"{len(publications)} not acknowledged: {reason}")
        self.publications = tuple(publications)
        self.reason = reason


def prepare(
    payload: Payload,
    *,
    source: str,
    key: Optional[int] = None,
    topic: Optional[str] = None,
    id: Optional[str] = None,  # noqa: A002 (the attribute's name in CloudEvents)
    time: Optional[datetime] = None,
    extensions: Optional[Mapping[str, str]] = None,
) -> Publication:
    """Return the message for ``payload``, by default with a new id.

    ``key`` is the payer's user id, by default the operation's user. It is required for
    trainings, which the machine's owner pays for; for holds; and for chargebacks, ``PayoutPaid``
    and ``PayoutFailed``, which name no user. ``topic`` is required for control totals only.
    ``time`` applies if the payload has no ``occurred_at``; the default is now. Raises
    ``ValueError`` if the key or the topic is missing or an attribute is invalid.
    """
    event = CloudEvent(
        id=new_id() if id is None else id,
        source=source,
        type=payload.event_type,
        data=encode(payload),
        time=getattr(payload, "occurred_at", None) or time or datetime.now(timezone.utc),
        extensions=dict(extensions or {}),
    )
    headers, value = to_kafka(event)
    parse(headers, value)  # raises for anything that the ledger could not read
    return Publication(
        id=event.id,
        source=source,
        topic=topic or _topic_of(payload),
        key=payload.default_key() if key is None else str(key),
        payload=payload,
        headers=tuple(headers),
        value=value,
    )


def new_id() -> str:
    """Return a UUID of version 7: unique, and sorted by creation time to the millisecond."""
    milliseconds = clock.time_ns() // 1_000_000
    bits = (milliseconds << 80) | secrets.randbits(80)
    bits = bits & ~(0xF << 76) | (0x7 << 76)  # the version
    bits = bits & ~(0x3 << 62) | (0x2 << 62)  # the variant
    return str(UUID(int=bits))


def check_request_id(request_id: str) -> str:
    """Return the id. Raises ``ValueError`` if it cannot be an Idempotency-Key in HTTP."""
    if not 1 <= len(request_id) <= MAX_ID_CHARACTERS:
        raise ValueError(f"an id must have 1 to {MAX_ID_CHARACTERS} characters")
    if not (request_id.isascii() and request_id.isprintable()):
        raise ValueError("over HTTP an id must be printable ASCII")
    return request_id


def _topic_of(payload: Payload) -> str:
    if len(payload.topics) > 1:
        raise ValueError(f"pass topic: one of {', '.join(payload.topics)}")
    return payload.topics[0]

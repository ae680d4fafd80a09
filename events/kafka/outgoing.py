"""A message to publish."""

from typing import NamedTuple


class Outgoing(NamedTuple):
    """Headers with their bytes, in order; `key` is what keeps messages in order."""

    topic: str
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


def cloud_event_headers(
    *, event_id: str, source: bytes, event_type: bytes, time: str, subject: str | None = None
) -> list[tuple[str, bytes]]:
    """The attributes of a CloudEvent in binary mode. `time` is RFC 3339."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_source", source),
        ("ce_type", event_type),
        ("ce_time", time.encode()),
        ("content-type", b"application/json"),
    ]
    if subject is not None:
        headers.append(("ce_subject", subject.encode()))
    return headers

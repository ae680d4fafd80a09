"""A message to publish."""

from typing import NamedTuple


class Outgoing(NamedTuple):
    """A message to publish. Messages with the same `key` keep their order."""

    topic: str
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


def cloud_event_headers(
    *, event_id: str, source: bytes, event_type: bytes, time: str, subject: str | None = None
) -> list[tuple[str, bytes]]:
    """Return the attributes of a CloudEvent in binary mode as headers. `time` is RFC 3339."""
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

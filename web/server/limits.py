"""Limits on what a client may take from the web server. Needs no Django, so that settings can hold them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that a client may take. Durations are in seconds."""

    connections: int
    connections_per_address: int
    """0 is no limit."""
    headers_seconds: float
    body_seconds: float
    body_bytes_per_second: int
    idle_seconds: float
    answer_seconds: float
    body_bytes: int
    bodies_bytes: int
    """Of all requests of this process together."""

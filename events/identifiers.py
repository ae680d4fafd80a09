"""Identifiers that sort by time."""

import os
import time
from threading import Lock

_lock = Lock()
_last = 0


def uuid7() -> str:
    """A UUID version 7 (RFC 9562, section 5.7) in its canonical text form.

    The 12 bits behind the milliseconds count, so that ids of one process sort in the order they were made
    in; a count that is full borrows from the milliseconds to come.
    """
    global _last  # noqa: PLW0603 (what was last is one for the process)
    now = time.time_ns() // 1_000_000 << 12
    with _lock:
        _last = now = max(now, _last + 1)
    random = os.urandom(8).hex()
    variant = "89ab"[int(random[0], 16) & 3]
    return (
        f"{now >> 28:08x}-{now >> 12 & 0xFFFF:04x}-7{now & 0xFFF:03x}-{variant}{random[1:4]}-{random[4:16]}"
    )

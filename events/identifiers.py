"""Identifiers that sort by time."""

import os
import time
from threading import Lock

_lock = Lock()
_last = 0


def uuid7() -> str:
    """Return a UUID version 7 (RFC 9562, section 5.7) in its canonical text form.

    The 12 bits after the milliseconds are a counter, so the ids of one process sort in the order of their
    creation. A counter that overflows increments the milliseconds.
    """
    global _last  # noqa: PLW0603 (one counter for the process)
    now = time.time_ns() // 1_000_000 << 12
    with _lock:
        _last = now = now if now > _last else _last + 1
    variant_and_random = int.from_bytes(os.urandom(8)) >> 2 | 2 << 62
    digits = f"{now >> 12:012x}7{now & 0xFFF:03x}{variant_and_random:016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

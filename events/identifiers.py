"""Identifiers that sort by time."""

import os
import time


def uuid7() -> str:
    """A UUID version 7 (RFC 9562, section 5.7) in its canonical text form."""
    milliseconds = time.time_ns() // 1_000_000
    random = os.urandom(10).hex()
    variant = "89ab"[int(random[3], 16) & 3]
    return (
        f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7{random[0:3]}"
        f"-{variant}{random[4:7]}-{random[7:19]}"
    )

"""Arrays in PostgreSQL's text format: one literal to parse, where the driver writes one per element.

Parsing a thousand constants costs the server more than using them.
"""

from collections.abc import Iterable


def numbers(values: Iterable[object]) -> str:
    """Return an array of values that need no quotes: integers, amounts, UUIDs. Cast it: `%s::bigint[]`."""
    return "{" + ",".join(map(str, values)) + "}"


def texts(values: Iterable[str]) -> str:
    """Return an array of texts. They must not contain NUL, which PostgreSQL does not store."""
    quoted = ['"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values]
    return "{" + ",".join(quoted) + "}"


def binaries(values: Iterable[bytes]) -> str:
    """Return an array of bytes in hexadecimal."""
    return "{" + ",".join([f'"\\\\x{value.hex()}"' for value in values]) + "}"

"""Arrays in PostgreSQL's own text: one literal to parse, where the driver writes every element as one.

A thousand constants cost the server more than what is done with them.
"""

from collections.abc import Iterable


def numbers(values: Iterable[object]) -> str:
    """What needs no quotes: integers, amounts, UUIDs. The statement casts it: `%s::bigint[]`."""
    return "{" + ",".join(map(str, values)) + "}"


def texts(values: Iterable[str]) -> str:
    """Any texts but the NUL character, which PostgreSQL has none of."""
    quoted = ['"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values]
    return "{" + ",".join(quoted) + "}"


def binaries(values: Iterable[bytes]) -> str:
    """Bytes, as hexadecimal."""
    return "{" + ",".join([f'"\\\\x{value.hex()}"' for value in values]) + "}"

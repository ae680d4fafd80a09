"""Deleting in several steps, told as one."""

from collections import Counter
from collections.abc import Iterable


def deleted_in_all(parts: Iterable[tuple[int, dict[str, int]]]) -> tuple[int, dict[str, int]]:
    """What several ``delete()`` calls deleted together, in the shape of one."""
    counted: Counter[str] = Counter()
    for _, by_table in parts:
        counted.update(by_table)
    return counted.total(), dict(counted)

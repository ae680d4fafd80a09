"""Adapts the size of batches so that a transaction takes the intended time."""

from typing import Final

_SECONDS: Final = 0.040
_SIZE_MIN: Final = 100  # below this, the overhead of a batch exceeds its work


class Pace:
    """Aims at transactions of 40 ms, so that a single operation of the same user never waits long.

    `limit` is the largest batch. Each batch moves the size half way towards what its time suggests, so one
    slow write does not shrink it much.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.size = min(limit, 100)

    def took(self, seconds: float, count: int) -> None:
        """Note that a batch of `count` held its transaction open for `seconds`."""
        if seconds < _SECONDS and count < self.size:
            return  # a small batch says nothing about larger ones
        fitting = count * _SECONDS / max(seconds, 0.001)
        self.size = min(self._limit, max(_SIZE_MIN, round((self.size + fitting) / 2)))

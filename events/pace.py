"""How many messages or items to post at once, so that a transaction takes the time it should."""

from typing import Final

_SECONDS: Final = 0.040
_SIZE_MIN: Final = 100  # what a smaller batch costs by itself is more than what it does


class Pace:
    """Aims at transactions of 40 ms, so that a batch never holds up for long whoever posts a single
    operation for the same user. `limit` is the largest batch.

    Half of each batch's news is believed: one that a busy disk held up says little about the next.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.size = min(limit, 100)

    def took(self, seconds: float, count: int) -> None:
        """A batch of `count` held its transaction open for `seconds`."""
        if seconds < _SECONDS and count < self.size:
            return  # quick because there was little to do: it says nothing about more
        fitting = count * _SECONDS / max(seconds, 0.001)
        self.size = min(self._limit, max(_SIZE_MIN, round((self.size + fitting) / 2)))

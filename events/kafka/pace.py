"""How many messages to take at once, so that a transaction takes the time it should."""

from typing import Final

_SECONDS_MIN: Final = 0.020
_SECONDS_MAX: Final = 0.050
_SIZE_MIN: Final = 50


class Pace:
    """A batch that took too long makes the next smaller; a full one that was quick makes it larger.

    `limit` is the largest batch; transactions take 20 to 50 ms, so that a batch never holds up for long
    whoever posts a single operation for the same user.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.size = min(limit, 100)

    def took(self, seconds: float, count: int) -> None:
        """A batch of `count` messages held its transaction open for `seconds`."""
        if seconds > _SECONDS_MAX:
            self.size = max(min(_SIZE_MIN, self._limit), min(self.size, int(count * _SECONDS_MAX / seconds)))
        elif seconds < _SECONDS_MIN and count >= self.size:
            self.size = min(self._limit, self.size + self.size // 4 + 1)

"""Decides when a stopping worker has read enough."""

import time
from typing import Final

from events.worker import Stop

_QUIET_POLLS: Final = 3


class Draining:
    """Decides when a stopping worker is done: at once, or after several polls in a row return nothing.

    It is done after `seconds` at the latest; 0 means at once. A failure of broker or database ends the drain.
    """

    def __init__(self, stop: Stop, *, seconds: float) -> None:
        self._stop = stop
        self._seconds = seconds
        self._until: float | None = None
        self._quiet = 0

    def over(self) -> bool:
        """Return whether to stop now."""
        if not self._stop.asked:
            return False
        now = time.monotonic()
        if self._until is None:
            self._until, self._quiet = now + self._seconds, 0
        return now >= self._until or self._quiet >= _QUIET_POLLS

    def polled(self, partitions: int, lag: int, *, found: bool) -> None:
        """Note the result of a poll. Polls without partitions do not count."""
        self._quiet = 0 if found or lag or not partitions else self._quiet + 1

    def give_up(self) -> None:
        """End the drain after a failure."""
        if self._until is not None:
            self._until = float("-inf")

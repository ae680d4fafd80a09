"""When a worker that was asked to end is done."""

import time
from typing import Final

from events.worker import Stop

_QUIET_POLLS: Final = 3


class Draining:
    """At once, or after everything was read that is there: some polls in a row that found nothing.

    `seconds` is how long that may take; 0 is at once. Where broker or database fail meanwhile, it is over.
    """

    def __init__(self, stop: Stop, *, seconds: float) -> None:
        self._stop = stop
        self._seconds = seconds
        self._until: float | None = None
        self._quiet = 0

    def over(self) -> bool:
        """Whether to end now."""
        if not self._stop.asked:
            return False
        now = time.monotonic()
        if self._until is None:
            self._until, self._quiet = now + self._seconds, 0
        return now >= self._until or self._quiet >= _QUIET_POLLS

    def polled(self, partitions: int, lag: int, *, found: bool) -> None:
        """What a poll of so many partitions found. Without partitions there is nothing to know yet."""
        self._quiet = 0 if found or lag or not partitions else self._quiet + 1

    def give_up(self) -> None:
        """It failed: what is left cannot be read."""
        if self._until is not None:
            self._until = float("-inf")

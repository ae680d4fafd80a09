"""A time limit."""

import time


class Deadline:
    """A time limit that passes after a number of seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + seconds

    @property
    def passed(self) -> bool:
        """True after the time limit."""
        return time.monotonic() > self._until

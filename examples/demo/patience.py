"""How long to wait for something."""

import time


class Patience:
    """Is over after so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + seconds

    @property
    def over(self) -> bool:
        """Whether the time has passed."""
        return time.monotonic() > self._until

"""Messages that can be read, and are not taken."""


class Unwelcome(Exception):
    """It is parked under `code`, which is stable."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code

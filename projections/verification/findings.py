"""What does not agree, by name."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One value that is not what the log says: where, of what, and the two values as text."""

    where: str
    what: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: expected {self.expected}, found {self.found}"


class Findings:
    """Counts mismatches and hands each to `tell` as soon as it is found: none is kept."""

    def __init__(self, tell: Callable[[Mismatch], None]) -> None:
        self._tell = tell
        self.count = 0

    def add(self, where: str, what: str, *, expected: object, found: object) -> None:
        """Report a mismatch. None is shown as NULL."""
        self.pass_on(Mismatch(where, what, _shown(expected), _shown(found)))

    def pass_on(self, mismatch: Mismatch) -> None:
        """Report one that was found elsewhere."""
        self.count += 1
        self._tell(mismatch)


def _shown(value: object) -> str:
    return "NULL" if value is None or value == r"\N" else str(value)

"""Mismatches, named."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A value that differs from the log: its place, its subject, and both values as text."""

    where: str
    what: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: expected {self.expected}, found {self.found}"


class Findings:
    """Counts mismatches and passes each to `report` as it is found, keeping none."""

    def __init__(self, report: Callable[[Mismatch], None]) -> None:
        self._report = report
        self.count = 0

    def add(self, where: str, what: str, *, expected: object, found: object) -> None:
        """Report a mismatch. None is shown as NULL."""
        self.pass_on(Mismatch(where, what, _shown(expected), _shown(found)))

    def pass_on(self, mismatch: Mismatch) -> None:
        """Report a mismatch found by the other process."""
        self.count += 1
        self._report(mismatch)


def _shown(value: object) -> str:
    return "NULL" if value is None or value == r"\N" else str(value)

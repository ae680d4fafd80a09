"""Reports a worker's progress: a log line every few seconds and at the end, and counters."""

import logging
import time
from collections import Counter
from typing import Final, Protocol

from django.db import InterfaceError, OperationalError

from events import counters

log = logging.getLogger(__name__)

_EVERY: Final = 5.0
_IDLE_EVERY: Final = 60.0


class Lagging(Protocol):
    """Anything that can report its lag."""

    def lag(self) -> int: ...

    def __len__(self) -> int: ...


class Progress:
    """Counts work and logs rates. An idle worker logs once a minute, to show that it is alive."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._counts: Counter[str] = Counter()
        self._unsaved: Counter[str] = Counter()
        self._messages = 0
        self._since = time.monotonic()

    def count(self, tally: Counter[str], messages: int = 0) -> None:
        self._counts.update(tally)
        self._messages += messages

    def report_if_due(self, partitions: Lagging) -> None:
        elapsed = time.monotonic() - self._since
        if elapsed >= (_EVERY if self._messages or any(self._counts.values()) else _IDLE_EVERY):
            self.report(partitions.lag(), len(partitions))

    def report(self, lag: int, partitions: int) -> None:
        """Log the counts since the last report."""
        elapsed = max(time.monotonic() - self._since, 0.001)
        what = "".join(f" {name}={count}" for name, count in sorted(self._counts.items()) if count)
        log.info(
            "%s: messages=%d rate=%.0f/s%s lag=%d partitions=%d",
            self._name,
            self._messages,
            self._messages / elapsed,
            what,
            lag,
            partitions,
        )
        self._save()
        self._counts.clear()
        self._messages = 0
        self._since = time.monotonic()

    def _save(self) -> None:
        self._unsaved.update(self._counts)
        try:
            counters.add(self._name, self._unsaved)
        except (OperationalError, InterfaceError):
            # The counts are kept for the next report: the database is away.
            log.debug("%s: the counts were not saved", self._name)
        else:
            self._unsaved.clear()

"""Tracks the outcomes of publications, for both example services on Kafka."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from easyautoml_ledger.listeners import OutcomeListener
from easyautoml_ledger.outcomes import HoldRefused, OperationRejected, Outcome
from easyautoml_ledger.publication import Publication, PublishFailed
from easyautoml_ledger.publisher import Publisher

Line = TypeVar("Line")


def read_lines(path: Path, line_type: type[Line]) -> Iterator[Line]:
    """Yield a dataclass value for each JSON object in a file. Raises `TypeError` for unknown fields."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield line_type(**json.loads(line))


def line_of(value: Any) -> str:
    """Return a dataclass value as a line of JSON, without fields that are None."""
    values = {field.name: getattr(value, field.name) for field in fields(value)}
    return json.dumps({name: value for name, value in values.items() if value is not None}) + "\n"


@dataclass
class Session:
    """Counts publications and their outcomes."""

    publisher: Publisher
    outcomes: OutcomeListener
    seconds: float
    """The time limit for all outcomes."""

    def __post_init__(self) -> None:
        self._deadline = time.monotonic() + self.seconds
        self._unanswered: set[str] = set()
        self.answers: Counter[str] = Counter()
        self.sent = 0

    def published(self, publication: Publication) -> None:
        """Wait for the outcome of one more publication."""
        self._unanswered.add(publication.id)
        self.sent += 1

    def poll(self) -> list[Outcome]:
        """Return new outcomes of these publications. Raises `TimeoutError`."""
        answers = [it for it in self.outcomes.poll() if it.request_id in self._unanswered]
        for outcome in answers:
            self._unanswered.remove(outcome.request_id)
            refused = isinstance(outcome, (OperationRejected, HoldRefused))
            self.answers["rejected" if refused else "recorded"] += 1
        if self.unanswered and time.monotonic() > self._deadline:
            missing = ", ".join(sorted(self._unanswered)[:5])
            raise TimeoutError(
                f"no outcome of {self.unanswered} publications in {self.seconds:g} s, such as {missing}"
            )
        return answers

    @property
    def unanswered(self) -> int:
        """The number of outcomes that are still awaited."""
        return len(self._unanswered)

    def send_again(self, publications: Sequence[Publication]) -> None:
        """Send publications again, as after a crash. The ids are the same, so nothing is recorded twice."""
        self.publisher.send(publications)
        self.sent += len(publications)
        self.flush()

    def flush(self) -> None:
        """Flush the publisher, and retry once. Raises `PublishFailed` if the second attempt fails."""
        try:
            self.publisher.flush()
        except PublishFailed as failed:
            self.publisher.send(failed.publications)
            self.publisher.flush()

    def close(self) -> str:
        """Wait for all outcomes, and return a line with the numbers. Raises `TimeoutError`."""
        while self.unanswered:
            self.poll()
        counts = ", ".join(f"{count} {answer}" for answer, count in sorted(self.answers.items()))
        return f"{self.sent} messages sent, {counts}"

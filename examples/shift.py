"""What both example services do at the end of a shift: make sure of everything, and hear the answers."""

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
    """The lines of a file of JSON objects as values of a dataclass. Raises `TypeError` on other fields."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield line_type(**json.loads(line))


def line_of(value: Any) -> str:
    """The JSON line of a dataclass's value; what is None is left out."""
    kept = {field.name: getattr(value, field.name) for field in fields(value)}
    return json.dumps({name: kept[name] for name in kept if kept[name] is not None}) + "\n"


@dataclass
class Shift:
    """What was published in a shift, and what has become of it."""

    publisher: Publisher
    outcomes: OutcomeListener
    seconds: float
    """How long to wait for all the answers."""

    def __post_init__(self) -> None:
        self._deadline = time.monotonic() + self.seconds
        self._unanswered: set[str] = set()
        self.answers: Counter[str] = Counter()
        self.sent = 0

    def published(self, publication: Publication) -> None:
        """One more whose outcome is awaited."""
        self._unanswered.add(publication.id)
        self.sent += 1

    def hear(self) -> list[Outcome]:
        """The answers to what was published that came meanwhile. Raises `TimeoutError`."""
        answers = [it for it in self.outcomes.poll() if it.request_id in self._unanswered]
        for outcome in answers:
            self._unanswered.remove(outcome.request_id)
            refused = isinstance(outcome, (OperationRejected, HoldRefused))
            self.answers["rejected" if refused else "recorded"] += 1
        if self.unanswered and time.monotonic() > self._deadline:
            missing = ", ".join(sorted(self._unanswered)[:5])
            raise TimeoutError(f"no answer to {self.unanswered} in {self.seconds:g} s, such as {missing}")
        return answers

    @property
    def unanswered(self) -> int:
        """How many answers are still awaited."""
        return len(self._unanswered)

    def send_again(self, publications: Sequence[Publication]) -> None:
        """As after a crash, when nobody remembers what had arrived: the ids are the same, so it is safe."""
        self.publisher.send(publications)
        self.sent += len(publications)
        self.make_sure()

    def make_sure(self) -> None:
        """Until the broker has everything. Raises `PublishFailed` where it refuses twice."""
        try:
            self.publisher.flush()
        except PublishFailed as failed:
            self.publisher.send(failed.publications)
            self.publisher.flush()

    def close(self) -> str:
        """Waits for every answer; one line on what became of the shift. Raises `TimeoutError`."""
        while self.unanswered:
            self.hear()
        counts = ", ".join(f"{count} {answer}" for answer, count in sorted(self.answers.items()))
        return f"{self.sent} messages sent, {counts}"

"""The example services as processes of their own. They know where Kafka is, or the ledger's address."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from examples.demo.errors import DemoFailed
from examples.demo.plan import Shift
from examples.shift import line_of
from stack import Child

_PROJECT: Final = Path(__file__).resolve().parents[2]
_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A program of `examples`, the lines that it works through, and where it finds the ledger."""

    program: str
    lines: Sequence[Any]
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def work_of(shift: Shift, bootstrap_servers: str) -> list[Work]:
    """Who has to do what over Kafka."""
    kafka = ("--bootstrap-servers", bootstrap_servers)
    return [
        Work(program="training_service", lines=shift.runs, arguments=kafka),
        Work(program="marketplace_service", lines=shift.orders, arguments=kafka),
        Work(program="careless_service", lines=shift.letters, arguments=kafka),
    ]


class Services:
    """The services of one part of the day. On leaving, those that still run are killed."""

    def __init__(self, name: str, works: Sequence[Work], directory: Path) -> None:
        self._running: list[Child] = []
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        for work in works:
            lines = directory / f"{name}-{work.program}.jsonl"
            lines.write_text("".join(map(line_of, work.lines)), encoding="utf-8")
            self._running.append(
                Child(
                    f"{work.program}-{name}",
                    [sys.executable, "-m", f"examples.{work.program}", lines, *work.arguments],
                    directory=directory,
                    environment={**inherited, "PYTHONUNBUFFERED": "1", **work.environment},
                    cwd=_PROJECT,
                )
            )

    def __enter__(self) -> Self:
        try:
            for child in self._running:
                child.start()
        except BaseException:  # Ctrl-C between two starts
            self._kill()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._kill()

    def finished(self) -> list[str]:
        """The last words of those that have finished since. Raises `DemoFailed` where one has failed."""
        done = [child for child in self._running if not child.running]
        self._running = [child for child in self._running if child not in done]
        for child in done:
            if status := child.wait():
                raise DemoFailed(f"{child.name} ended with status {status}; its last words:\n{child.tail()}")
        return [child.tail(1) for child in done]

    @property
    def at_work(self) -> bool:
        """Whether any of them still runs."""
        return bool(self._running)

    def _kill(self) -> None:
        for child in self._running:
            if child.running:
                child.kill()

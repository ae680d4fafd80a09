"""Runs the example services as processes, which get only the address of Kafka or of the web server."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from examples.demo.errors import DemoFailed
from examples.demo.plan import Workload
from examples.session import line_of
from stack import Child

_PROJECT: Final = Path(__file__).resolve().parents[2]
_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A program of `examples`, the lines of its input file, and its arguments and environment."""

    program: str
    lines: Sequence[Any]
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def jobs_of(workload: Workload, bootstrap_servers: str) -> list[Job]:
    """Return the jobs of the services on Kafka."""
    kafka = ("--bootstrap-servers", bootstrap_servers)
    return [
        Job(program="training_service", lines=workload.runs, arguments=kafka),
        Job(program="marketplace_service", lines=workload.orders, arguments=kafka),
        Job(program="careless_service", lines=workload.messages, arguments=kafka),
    ]


class Services:
    """The running services of a part of the demo. On exit, those that still run are killed."""

    def __init__(self, name: str, jobs: Sequence[Job], directory: Path) -> None:
        self._running: list[Child] = []
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        for work in jobs:
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
        """Return the last lines of the services that finished since the last call.

        Raises `DemoFailed` if one has failed.
        """
        done = [child for child in self._running if not child.running]
        self._running = [child for child in self._running if child not in done]
        for child in done:
            if status := child.wait():
                raise DemoFailed(f"{child.name} ended with status {status}; its last output:\n{child.tail()}")
        return [child.tail(1) for child in done]

    @property
    def running(self) -> bool:
        """True while a service runs."""
        return bool(self._running)

    def _kill(self) -> None:
        for child in self._running:
            if child.running:
                child.kill()

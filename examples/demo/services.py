"""The example services as processes of their own. They are told where Kafka is, and nothing else."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from examples.demo.errors import DemoFailed
from examples.demo.plan import Shift
from examples.shift import line_of
from stack import Child

_PROJECT: Final = Path(__file__).resolve().parents[2]
_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")


class Work(NamedTuple):
    """A program of `examples`, and the lines that it works through."""

    program: str
    lines: Sequence[Any]


def work_of(shift: Shift) -> list[Work]:
    """Who has to do what."""
    return [
        Work("training_service", shift.runs),
        Work("marketplace_service", shift.orders),
        Work("careless_service", shift.letters),
    ]


class Services:
    """The services of one shift. On leaving, those that still run are killed."""

    def __init__(self, name: str, shift: Shift, directory: Path, bootstrap_servers: str) -> None:
        self._running: list[Child] = []
        for work in work_of(shift):
            lines = directory / f"{name}-{work.program}.jsonl"
            lines.write_text("".join(map(line_of, work.lines)), encoding="utf-8")
            self._running.append(
                Child(
                    f"{work.program}-{name}",
                    [
                        *(sys.executable, "-m", f"examples.{work.program}", lines),
                        *("--bootstrap-servers", bootstrap_servers),
                    ],
                    directory=directory,
                    environment={
                        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
                        "PYTHONUNBUFFERED": "1",
                    },
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

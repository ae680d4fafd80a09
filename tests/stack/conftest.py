"""What the tests of the stack share."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stack.processes import Child
from stack.state import make_temporary_directory


@pytest.fixture
def directory() -> Iterator[Path]:
    """A state directory that a server which runs as another user can pass through."""
    made = make_temporary_directory()
    yield made
    shutil.rmtree(made)


@pytest.fixture
def python(directory: Path) -> Iterator[Callable[..., Child]]:
    """Makes children that run a few lines of Python; none outlives the test."""
    made: list[Child] = []

    def make(name: str, code: str, **further: object) -> Child:
        child = Child(
            name,
            [sys.executable, "-u", "-c", code],
            directory=directory,
            environment={"PATH": "/usr/bin:/bin"},
            cwd=Path("/"),
            **further,  # type: ignore[arg-type]
        )
        made.append(child)
        return child

    yield make
    for child in made:
        if child.running:
            child.kill()

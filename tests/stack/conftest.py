"""Fixtures for the tests of the stack."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stack.processes import Child
from stack.state import make_temporary_directory


@pytest.fixture
def directory() -> Iterator[Path]:
    """A state directory that a server of another user can pass through."""
    new = make_temporary_directory()
    yield new
    shutil.rmtree(new)


@pytest.fixture
def python(directory: Path) -> Iterator[Callable[..., Child]]:
    """Return a function that creates children running Python code. They are killed after the test."""
    children: list[Child] = []

    def make(name: str, code: str, **options: object) -> Child:
        child = Child(
            name,
            [sys.executable, "-u", "-c", code],
            directory=directory,
            environment={"PATH": "/usr/bin:/bin"},
            cwd=Path("/"),
            **options,  # type: ignore[arg-type]
        )
        children.append(child)
        return child

    yield make
    for child in children:
        if child.running:
            child.kill()

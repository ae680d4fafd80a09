"""The linters and generators, installed from npm."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests import npm

HERE: Final = Path(__file__).parent
DOCS: Final = Path(__file__).parents[2] / "docs"

Document = dict[str, Any]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a copy of this folder in which the packages of `package-lock.json` are installed."""
    copy = tmp_path_factory.mktemp("contracts") / "programs"
    shutil.copytree(HERE, copy, ignore=shutil.ignore_patterns("node_modules", "*.py", "__pycache__"))
    npm.install(copy)
    yield copy
    shutil.rmtree(copy)  # 130 MB


@pytest.fixture
def run(programs: Path) -> Run:
    """Return a function that runs an installed program, by name, or `node` with a script."""

    def run(program: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        installed = programs / "node_modules" / ".bin" / program
        return subprocess.run(
            [installed if installed.exists() else program, *arguments],
            cwd=programs,
            env={**os.environ, "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def read(name: str) -> Document:
    """Return a document of `docs/`."""
    found: Document = json.loads((DOCS / name).read_text(encoding="utf-8"))
    return found

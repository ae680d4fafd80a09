"""The installation: its errors, and the locked packages."""

import shutil
import subprocess
from pathlib import Path

import pytest

from stack.state import PROJECT


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the files that the script reads, without an environment."""
    for name in ("stack/install.sh", "clients/python/pyproject.toml", "requirements-embedded.lock"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    return tmp_path


def _install(clone: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["/bin/sh", "stack/install.sh", "embedded"],
        cwd=clone,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def _interpreter(clone: Path, script: str) -> str:
    program = clone / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_without_a_recent_python_it_fails(clone: Path) -> None:
    """It prints one sentence, exits with 2, and leaves no environment."""
    done = _install(clone, PYTHON=_interpreter(clone, "exit 1"))
    assert done.returncode == 2
    assert done.stderr.startswith("install: Python 3.11 or newer is needed and was not found;")
    assert done.stderr.count("\n") == 1
    assert not (clone / ".venv").exists()


def test_without_the_venv_package_it_fails(clone: Path) -> None:
    """On Debian it is a separate package."""
    python = _interpreter(clone, 'case "$*" in *ensurepip*) exit 1;; *) exit 0;; esac')
    done = _install(clone, PYTHON=python)
    assert done.returncode == 2
    assert "apt install python3-venv" in done.stderr
    assert not (clone / ".venv").exists()


def test_psycopg_3_is_not_locked() -> None:
    """Django would prefer it silently."""
    for lock in PROJECT.glob("requirements*.lock"):
        names = [line.split("==")[0] for line in lock.read_text().splitlines() if "==" in line]
        assert "psycopg2-binary" in names
        assert not {"psycopg", "psycopg-binary", "psycopg-c"} & set(names)


def test_the_larger_locks_contain_the_smaller_ones() -> None:
    """Each package has the same version in all lock files."""
    pins = [
        {line.split(" ")[0] for line in (PROJECT / name).read_text().splitlines() if "==" in line}
        for name in ("requirements.lock", "requirements-embedded.lock", "requirements-dev.lock")
    ]
    assert pins[0] < pins[1] < pins[2]

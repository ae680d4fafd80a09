"""Checkouts whose benchmarks print what was recorded, in a process of their own."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.checkout import Checkout

RECORDED: Final = Path(__file__).parent / "recorded" / "945468a.txt"
"""What `python -m benchmarks --only engine kafka http log --rounds 1 --scale 0.3` printed at that commit.

Without the lines of its setup, which have passwords.
"""

_REPLAY: Final = """
import signal, sys
from pathlib import Path

here = Path(__file__).resolve().parent.parent
with (here.parent / "runs").open("a") as runs:
    print(here.name, *sys.argv[1:], file=runs)
try:
    print((here / "printed").read_text(), flush=True)
    if (here / "endless").exists():
        signal.pause()
except KeyboardInterrupt:
    (here / "interrupted").touch()
sys.exit(int((here / "status").read_text()))
"""


def recorded() -> list[str]:
    """Return the lines that were recorded."""
    return RECORDED.read_text(encoding="utf-8").splitlines(keepends=True)


def make_checkout(path: Path, printed: Sequence[str], *, status: int = 0, endless: bool = False) -> Checkout:
    """Make a checkout that notes each run in the file `runs` beside it, prints, and ends with a status.

    `endless`: it does not end before it is interrupted, and then makes the file `interrupted`.
    """
    python = path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    (path / "benchmarks").mkdir()
    (path / "benchmarks" / "__init__.py").touch()  # or Python would find the real benchmarks first
    (path / "benchmarks" / "__main__.py").write_text(_REPLAY, encoding="utf-8")
    (path / "printed").write_text("".join(printed), encoding="utf-8")
    (path / "status").write_text(str(status), encoding="utf-8")
    if endless:
        (path / "endless").touch()
    return Checkout(path=path)

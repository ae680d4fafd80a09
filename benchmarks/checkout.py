"""A checkout of any commit, whose own `python -m benchmarks` is run and read."""

import os
import re
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CASES: Final = {
    "engine": (("engine",), "engine, "),
    "kafka": (("kafka",), "Kafka in "),
    "http": (("http",), "HTTP "),
    "relay": (("kafka", "log"), "relay "),  # it reads the log, which another group has to fill
}
"""The groups of `python -m benchmarks` that a case needs, and what the names of its rows begin with."""

_PRINTED: Final = re.compile(r"(?P<name>[^|]+) \| (?P<rate>[\d,]+) \w+/s \| ")
_LINES_KEPT: Final = 15
_END_SECONDS_MAX: Final = 60


class CheckoutError(Exception):
    """A checkout cannot be measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The extent of one run: the options of `python -m benchmarks`."""

    rounds: int
    scale: float
    cases: Collection[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A folder with the project and its own `.venv`."""

    path: Path

    @property
    def python(self) -> Path:
        return self.path / ".venv" / "bin" / "python"

    def check(self) -> None:
        """Raise `CheckoutError` if nothing can be run here."""
        if not self.path.is_dir():
            raise CheckoutError(f"{self.path} is not a folder.")
        if not (self.path / "benchmarks" / "__main__.py").is_file():
            raise CheckoutError(
                f"{self.path} is no checkout of this project: it has no benchmarks/__main__.py."
            )
        if not os.access(self.python, os.X_OK):
            raise CheckoutError(f"{self.path} has no .venv/bin/python: run `make install` there first.")

    def measure(self, size: Size, tell: Callable[[str], None]) -> dict[str, float]:
        """Run its benchmarks; return rates a second by row, and pass each on to `tell` as it is printed.

        What comes after the last row that is wanted is not waited for. Raises `CheckoutError`.
        """
        groups = list(dict.fromkeys(group for case in size.cases for group in CASES[case][0]))
        command = [str(self.python), "-u", "-m", "benchmarks", "--only", *groups]
        command += ["--rounds", str(size.rounds), "--scale", str(size.scale)]
        rates: dict[str, float] = {}
        last: deque[str] = deque(maxlen=_LINES_KEPT)
        with subprocess.Popen(
            command,
            cwd=self.path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # so that all its processes can be interrupted together
        ) as process:
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    last.append(line)
                    for name, rate in read_rates([line], size.cases).items():
                        if name not in rates:
                            tell(f"{name}: {rate:,.0f}")
                        rates[name] = rate
                    if _is_last(rates):
                        return rates
                status = process.wait()
            finally:
                _interrupt(process)
        if status != 0 or not rates:
            came = f"ended with status {status} and {len(rates)} rows"
            raise CheckoutError(f"the benchmarks of {self.path} {came}:\n{''.join(last)}")
        return rates


def read_rates(lines: Collection[str], cases: Collection[str] = tuple(CASES)) -> dict[str, float]:
    """Return the rates of some cases from what `python -m benchmarks` prints while it measures."""
    beginnings = tuple(CASES[case][1] for case in cases)
    found = [match for line in lines if (match := _PRINTED.match(line))]
    return {
        match["name"]: float(match["rate"].replace(",", ""))
        for match in found
        if match["name"].startswith(beginnings)
    }


def _is_last(rates: Collection[str]) -> bool:
    """Return True when only rows follow that are not compared: read models, rebuilds and verify."""
    return any(name.startswith(CASES["relay"][1]) for name in rates)


def _interrupt(process: "subprocess.Popen[str]") -> None:
    """End a run as Ctrl-C does, so that it stops its servers; kill it if it does not end."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.communicate(timeout=_END_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)

"""Runs of two checkouts, each with its own interpreter, and checkouts that cannot be run."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import check
from benchmarks.checkout import CASES, Checkout, CheckoutError, Size, read_rates
from tests.benchmarks.checkouts import make_checkout, recorded

KAFKA = "Kafka in → committed, 1 worker"
ALL = Size(rounds=1, scale=0.3, cases=list(CASES))


def _nothing(_path: Path) -> None:
    """Leave the path without anything."""


def _file(path: Path) -> None:
    path.touch()


def _empty(path: Path) -> None:
    path.mkdir()


def _not_installed(path: Path) -> None:
    make_checkout(path, []).python.unlink()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_nothing, "is not a folder"),
        (_file, "is not a folder"),
        (_empty, "has no benchmarks/__main__.py"),
        (_not_installed, "has no .venv/bin/python: run `make install` there first"),
    ],
)
def test_a_bad_other_is_one_error_that_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Callable[[Path], None], said: str
) -> None:
    """And nothing is run."""
    make(tmp_path / "bad")
    good = make_checkout(tmp_path / "good", recorded())
    assert check.main([str(tmp_path / "bad")], this=good) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"bench-check: {tmp_path / 'bad'} ")
    assert said in line
    assert not (tmp_path / "runs").exists()


def test_other_has_to_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    """As make passes it on where OTHER is not set."""
    assert check.main(["--", ""]) == 2
    assert capsys.readouterr().err == (
        "bench-check: name the other checkout: make bench-check OTHER=../path\n"
    )


@pytest.mark.parametrize("option", ["--pairs=0", "--limit=0", "--rounds=-1", "--scale=nan", "--only=reads"])
def test_a_number_that_measures_nothing_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is run."""
    with pytest.raises(SystemExit) as ended:
        check.main([option, "--", "."])
    assert ended.value.code == 2
    assert option.partition("=")[0] in capsys.readouterr().err


def test_both_are_run_in_turns_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The other one twice in each turn; progress goes to stderr, the table to stdout."""
    rate = f"{read_rates(recorded())[KAFKA]:,.0f}"
    this = make_checkout(tmp_path / "new", [line.replace(f"| {rate} ", "| 10 ") for line in recorded()])
    make_checkout(tmp_path / "old", recorded())
    status = check.main([str(tmp_path / "old"), "--pairs", "2"], this=this)
    told = capsys.readouterr()
    runs = [line.split() for line in (tmp_path / "runs").read_text().splitlines()]
    assert [run[0] for run in runs] == ["new", "old", "old"] * 2
    options = ["--only", "engine", "kafka", "http", "log", "--rounds", "1", "--scale", "0.3"]
    assert all(run[1:] == options for run in runs)
    assert status == 1
    (slower,) = [line for line in told.err.splitlines() if "slower: " in line]
    assert f"slower: {KAFKA}: 0.00" in slower
    assert f"bench-check: pair 2 of 2, other again ({tmp_path / 'old'})" in told.err
    assert len(told.out.splitlines()) == 2 + 15


def test_what_is_not_compared_is_not_waited_for(tmp_path: Path) -> None:
    """Read models, rebuilds and verify come after the relay: the run is interrupted and ends by itself."""
    checkout = make_checkout(tmp_path / "endless", recorded(), endless=True)
    told: list[str] = []
    assert checkout.measure(ALL, told.append) == read_rates(recorded())
    assert told[-1].startswith("relay out to the broker: ")
    assert (tmp_path / "endless" / "interrupted").exists()


@pytest.mark.parametrize(("printed", "status"), [([], 0), (["Traceback\n", "ValueError: no\n"], 1)])
def test_a_run_that_fails_is_an_error_with_its_last_lines(
    tmp_path: Path, printed: list[str], status: int
) -> None:
    """Rows that are missing are never taken for good ones."""
    checkout = make_checkout(tmp_path / "failing", printed, status=status)
    with pytest.raises(CheckoutError) as failed:
        checkout.measure(ALL, lambda _: None)
    first, *last = str(failed.value).splitlines(keepends=True)
    assert first == f"the benchmarks of {checkout.path} ended with status {status} and 0 rows:\n"
    assert [line for line in last if line.strip()] == printed


def test_the_options_are_those_of_the_benchmarks() -> None:
    """The real `python -m benchmarks` knows every group and option that a checkout is run with."""
    groups = sorted({group for needed, _ in CASES.values() for group in needed})
    here: Checkout = check.HERE
    here.check()
    done = subprocess.run(
        [here.python, "-m", "benchmarks", "--only", *groups, "--rounds", "1", "--scale", "0.3", "--help"],
        cwd=here.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

"""Child processes: starts, stops, kills, and the children of a killed supervisor."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stack.errors import StackError
from stack.pids import command_line, started_at
from stack.ports import wait_until
from stack.processes import Child, rotate, stop_leftovers

MakeChild = Callable[..., Child]

_SLEEPS = "import time; print('up'); time.sleep(60)"
_IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(60)"
)


def _wait_for_line(child: Child) -> None:
    assert wait_until(lambda: "up" in child.tail(), seconds=10)


def test_output_goes_to_the_log_file_and_to_echo(python: MakeChild) -> None:
    """Every line is in the file and is passed to `echo`."""
    lines: list[str] = []
    child = python("talker", "print('one'); print('two')", echo=lines.append).start()
    assert child.wait(10) == 0
    assert lines == ["one", "two"]
    assert child.log.read_text() == "one\ntwo\n"


def test_a_child_that_ignores_the_stop_signal_is_killed(python: MakeChild) -> None:
    """It is killed after its `stop_seconds`."""
    child = python("stubborn", _IGNORES_SIGTERM, stop_seconds=0.3).start()
    _wait_for_line(child)
    assert child.stop() == -signal.SIGKILL
    assert not child.running


def test_kill_ends_the_children_of_the_child_too(python: MakeChild) -> None:
    """The signal is sent to the process group."""
    code = "import subprocess, sys, time; print(subprocess.Popen(['sleep', '60']).pid); time.sleep(60)"
    child = python("parent", code).start()
    assert wait_until(lambda: child.tail().strip().isdecimal(), seconds=10)
    grandchild = int(child.tail())
    assert child.kill() == -signal.SIGKILL
    assert wait_until(lambda: started_at(grandchild) == "", seconds=5)


def test_a_running_child_is_not_started_twice(python: MakeChild) -> None:
    """The error names the running process."""
    child = python("once", _SLEEPS).start()
    with pytest.raises(StackError, match=f"once is already running .process {child.pid}"):
        child.start()


def test_ctrl_c_during_a_start_leaves_a_known_child(
    python: MakeChild, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is raised after the process id is stored, so that the child can be killed."""
    child = python("interrupted", _SLEEPS)
    fork = child._spawn

    def interrupted(*arguments: Any) -> Any:
        forked = fork(*arguments)
        signal.raise_signal(signal.SIGINT)
        return forked

    monkeypatch.setattr(child, "_spawn", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            child.start()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert child.running
    assert child.kill() == -signal.SIGKILL


def test_a_child_can_be_started_again_after_it_ended(python: MakeChild) -> None:
    """The new process appends to the same log file."""
    child = python("again", "print('up')").start()
    child.wait(10)
    child.start()
    child.wait(10)
    assert child.log.read_text() == "up\nup\n"


def test_a_missing_program_raises(directory: Path) -> None:
    """The error names the program."""
    child = Child("lost", ["/nowhere/program"], directory=directory, environment={}, cwd=Path("/"))
    with pytest.raises(StackError, match=r"lost cannot be started: No such file.*/nowhere/program"):
        child.start()


def test_leftovers_of_a_killed_supervisor_are_stopped(directory: Path) -> None:
    """Its children are found by their pid files and ended."""
    supervisor = f"""
import os, sys
from pathlib import Path
from stack.processes import Child
argv = [sys.executable, "-c", "import time; time.sleep(60)"]
child = Child("web", argv, directory=Path({str(directory)!r}), environment={{}}, cwd=Path("/")).start()
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    killed = subprocess.run([sys.executable, "-c", supervisor], capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    left = int(killed.stdout)
    assert started_at(left) != ""
    assert stop_leftovers(directory, stop_signals={}) == ["web"]
    assert started_at(left) == ""
    assert list((directory / "run").iterdir()) == []


def test_a_reused_process_id_is_left_alone(directory: Path) -> None:
    """A process with another start time than the stored one is not stopped."""
    other = subprocess.Popen(["/bin/sleep", "60"])
    try:
        (directory / "run" / "web.pid").write_text(f"{other.pid} 1\n")
        assert stop_leftovers(directory, stop_signals={}) == []
        assert other.poll() is None
        assert "sleep" in command_line(other.pid)
    finally:
        other.kill()
        other.wait()


def test_a_large_log_is_rotated(directory: Path) -> None:
    """The last few copies are kept in order."""
    log = directory / "logs" / "large.log"
    for size in (11, 12):
        log.write_bytes(b"x" * size * 1024 * 1024)
        rotate(log)
    assert not log.exists()
    assert log.with_name("large.log.1").stat().st_size == 12 * 1024 * 1024
    assert log.with_name("large.log.2").stat().st_size == 11 * 1024 * 1024

"""Processes by their id. The system reuses ids, so a process is identified by its start time too."""

import os
import signal
import subprocess
from pathlib import Path

_PROC = Path("/proc")
_HAS_PROC = (_PROC / "self" / "stat").exists()


def started_at(pid: int) -> str:
    """Return the start time of a process as the system formats it, or '' if it has ended."""
    if not _HAS_PROC:
        return _ps(pid, "lstart=")
    try:
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    state, *others = fields.rpartition(")")[2].split()
    return "" if state in "ZX" else others[18]


def command_line(pid: int) -> str:
    """Return the program and its arguments, or '' if the process has ended."""
    if not _HAS_PROC:
        return _ps(pid, "args=")
    try:
        content = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ""
    return content.replace(b"\0", b" ").decode("utf-8", errors="surrogateescape")


def signal_process(pid: int, number: signal.Signals) -> bool:
    """Send a signal; return False if there is no such process."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def signal_group(pid: int, number: signal.Signals) -> None:
    """Send a signal to the process and to the processes of its group."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        signal_process(pid, number)


def _ps(pid: int, column: str) -> str:
    command = ["/bin/ps", "-ww", "-o", column, "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

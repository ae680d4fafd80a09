"""The commands `make status`, `make stop` and `make logs`, for a ledger that `make run` has started."""

import fcntl
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from stack.pids import signal_process, started_at
from stack.ports import wait_until
from stack.state import running_environment, state_directory

_STOP_SECONDS = 120


def supervisor_pid(directory: Path) -> int | None:
    """Return the process id of the ledger that runs from this state directory, or None."""
    try:
        with (directory / "lock").open("r", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return int(lock.read().strip() or 0) or None
    except (OSError, ValueError):
        return None
    return None


def status(environ: Mapping[str, str]) -> int:
    """Print what runs; return 0 if the ledger runs with all its processes, else 1."""
    directory = state_directory(environ)
    pid = supervisor_pid(directory)
    if pid is None:
        print(f"no ledger runs from {directory}")
        return 1
    print(f"the ledger runs from {directory} (process {pid})")
    complete = True
    for path in sorted((directory / "run").glob("*.pid")):
        number, _, started = path.read_text(encoding="utf-8").strip().partition(" ")
        runs = bool(started) and started_at(int(number)) == started
        complete &= runs
        print(f"  {path.stem:<9} {f'process {number}' if runs else 'has ended; it is started again'}")
    found = running_environment(environ)
    if not found:
        print("  it has not started completely yet")
        return 1
    print(f"  web       http://{found['LEDGER_WEB_HOST']}:{found['LEDGER_WEB_PORT']}")
    print(f"  Kafka     {found.get('KAFKA_BOOTSTRAP_SERVERS', environ.get('KAFKA_BOOTSTRAP_SERVERS'))}")
    return 0 if complete else 1


def stop(environ: Mapping[str, str]) -> int:
    """Stop the ledger in order and wait for its end; return 0 also if none runs, 1 if it does not end."""
    directory = state_directory(environ)
    pid = supervisor_pid(directory)
    if pid is None:
        print(f"no ledger runs from {directory}")
        return 0
    print(f"stopping the ledger of {directory} (process {pid})", flush=True)
    started = time.monotonic()
    signal_process(pid, signal.SIGTERM)
    if wait_until(lambda: supervisor_pid(directory) is None, seconds=_STOP_SECONDS):
        print(f"stopped after {time.monotonic() - started:.0f} s; the data stays for the next run")
        return 0
    print(f"process {pid} still runs after {_STOP_SECONDS} s; see {directory / 'logs'}")
    return 1


def logs(environ: Mapping[str, str], *, lines: int, follow: bool) -> int:
    """Show the last lines of every log with `tail`; return 1 if there are none."""
    found = sorted((state_directory(environ) / "logs").glob("*.log"))
    if not found:
        print(f"no logs in {state_directory(environ) / 'logs'}")
        return 1
    arguments = ["tail", "-n", str(lines), *(["-F"] if follow else []), *map(str, found)]
    return os.execvp(arguments[0], arguments)  # noqa: S606 - it replaces this process, so Ctrl-C ends it

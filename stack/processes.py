"""Child processes, each in its own session and with its output in a file.

Because of its own session, Ctrl-C in the terminal does not reach a child before the stack stops it in
order. The process id is stored in `run/`, so that the next start finds and stops the children of a
killed supervisor.
"""

import logging
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import FrameType
from typing import IO

from stack.errors import StackError
from stack.pids import signal_group, signal_process, started_at
from stack.ports import wait_until

_LOG_BYTES_MAX = 10 * 1024 * 1024
_LOG_COPIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The system user that a child runs as."""

    uid: int
    gid: int


class Child:
    """A process that can be started, stopped, killed and started again.

    With `echo`, this process reads its output, calls `echo` with each line and rotates the log file as it
    grows. Without, the child writes to the file itself, so that a server that must outlive this process
    does not depend on a pipe.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        directory: Path,
        environment: Mapping[str, str],
        cwd: Path,
        account: Account | None = None,
        echo: Callable[[str], None] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        stop_seconds: float = 10,
    ) -> None:
        self.name = name
        self.argv = [str(part) for part in argv]
        self.environment = dict(environment)
        self.log = directory / "logs" / f"{name}.log"
        self.stop_signal = stop_signal
        self.stop_seconds = stop_seconds
        self._pid_file = directory / "run" / f"{name}.pid"
        self._cwd = cwd
        self._account = account
        self._echo = echo
        self._popen: subprocess.Popen[bytes] | None = None
        self._pump: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """The process id of the last start. Raises `StackError` before the first."""
        if self._popen is None:
            raise StackError(f"{self.name} was not started.")
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal; None while it runs or before it was started."""
        return None if self._popen is None else self._popen.poll()

    def start(self) -> "Child":
        """Start the process. Raises `StackError` if it is running or cannot be started."""
        if self.running:
            raise StackError(f"{self.name} is already running (process {self.pid}).")
        with _deferred_signals():
            if self._echo is None:
                rotate(self.log)
                with self.log.open("ab") as output:
                    self._popen = self._spawn(output)
            else:
                self._popen = self._spawn(subprocess.PIPE)
                assert self._popen.stdout is not None
                self._pump = threading.Thread(
                    target=_pump,
                    args=(self._popen.stdout, self.log, self._echo),
                    name=f"log of {self.name}",
                    daemon=True,
                )
                self._pump.start()
            self._pid_file.write_text(f"{self.pid} {started_at(self.pid)}\n", encoding="utf-8")
        return self

    def wait(self, seconds: float | None = None) -> int:
        """Wait for the end and return the exit status. Raises `TimeoutError`."""
        assert self._popen is not None, f"{self.name} was not started"
        try:
            status = self._popen.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"{self.name} has not ended after {seconds} seconds") from error
        self._clean_up()
        return status

    def request_stop(self) -> None:
        """Send the stop signal without waiting for the end."""
        if self._popen is not None and self.running:
            self._popen.send_signal(self.stop_signal)

    def stop(self, seconds: float | None = None) -> int | None:
        """Send the stop signal, kill the process if it runs after `seconds`, and return the exit status."""
        if self._popen is None:
            return None
        self.request_stop()
        try:
            return self.wait(self.stop_seconds if seconds is None else seconds)
        except TimeoutError:
            return self.kill()

    def kill(self) -> int:
        """Kill the process and its group like `kill -9`, and return the exit status."""
        if self.running:
            signal_group(self.pid, signal.SIGKILL)
        return self.wait()

    def restart(self) -> "Child":
        self.stop()
        return self.start()

    def tail(self, lines: int = 10) -> str:
        """Return the last lines of its output."""
        try:
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def _spawn(self, output: IO[bytes] | int) -> subprocess.Popen[bytes]:
        account = self._account
        try:
            return subprocess.Popen(
                self.argv,
                cwd=self._cwd,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
        except OSError as error:
            raise StackError(f"{self.name} cannot be started: {error.strerror} ({self.argv[0]}).") from error

    def _clean_up(self) -> None:
        if self._pump is not None:
            self._pump.join(timeout=5)
            self._pump = None
        self._pid_file.unlink(missing_ok=True)


def stop_leftovers(
    directory: Path, *, stop_signals: Mapping[str, signal.Signals], seconds: float = 15
) -> list[str]:
    """Stop the processes of a killed supervisor; return their names.

    Reads `run/*.pid`. Only a process with the stored start time is stopped, because the system reuses
    process ids.
    """
    found: dict[str, int] = {}
    # The database is last, so that workers can end their transactions.
    for path in sorted((directory / "run").glob("*.pid"), key=lambda path: path.stem == "postgres"):
        pid = _recorded_process(path)
        if pid is not None:
            found[path.stem] = pid
            signal_process(pid, stop_signals.get(path.stem, signal.SIGTERM))
            if not wait_until(lambda pid=pid: started_at(pid) == "", seconds=seconds):  # type: ignore[misc]
                signal_group(pid, signal.SIGKILL)
        path.unlink(missing_ok=True)
    return list(found)


@contextmanager
def _deferred_signals() -> Iterator[None]:
    """Defer Ctrl-C and SIGTERM to the end of the block.

    Otherwise one between a fork and the storing of its process id would leave a child that is not known.
    """
    received: list[int] = []

    def defer(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    if threading.current_thread() is not threading.main_thread() or None in handlers.values():
        yield  # only the main thread can set handlers, and only if they are Python's
        return
    for number in handlers:
        signal.signal(number, defer)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for late in received:
        signal.raise_signal(late)


def rotate(log: Path) -> None:
    """Rename a log file that is too large, keeping the last few."""
    if log.exists() and log.stat().st_size > _LOG_BYTES_MAX:
        for number in range(_LOG_COPIES, 0, -1):
            older = log.with_name(f"{log.name}.{number}")
            newer = log if number == 1 else log.with_name(f"{log.name}.{number - 1}")
            if newer.exists():
                newer.replace(older)


def _pump(stream: IO[bytes], log: Path, echo: Callable[[str], None]) -> None:
    handler = RotatingFileHandler(log, maxBytes=_LOG_BYTES_MAX, backupCount=_LOG_COPIES, encoding="utf-8")
    with stream:
        for raw in stream:
            line = raw.decode("utf-8", errors="replace").rstrip("\n")
            handler.emit(logging.makeLogRecord({"msg": line}))
            echo(line)
    handler.close()


def _recorded_process(path: Path) -> int | None:
    try:
        pid, _, started = path.read_text(encoding="utf-8").strip().partition(" ")
        number = int(pid)
    except (OSError, ValueError):
        return None
    return number if started and started_at(number) == started else None

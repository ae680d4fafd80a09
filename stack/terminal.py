"""The output of `make run` on the terminal."""

import re
import sys
import threading
import time

_IMPORTANT = re.compile(r'\b(WARNING|ERROR|CRITICAL)\b|"level": ?"(warning|error|critical)"')
_LINES_MAX = 10
_WINDOW_SECONDS = 10.0


class Terminal:
    """Prints short lines. The whole output of each process is in its log file."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shown: dict[str, list[float]] = {}

    def write(self, line: str = "") -> None:
        with self._lock:
            print(line, flush=True)

    def write_error(self, line: str) -> None:
        with self._lock:
            print(line, file=sys.stderr, flush=True)

    def echo(self, name: str, line: str) -> None:
        """Print a line of a process's log if it is a warning or worse, at most ten in ten seconds."""
        if not _IMPORTANT.search(line):
            return
        now = time.monotonic()
        with self._lock:
            recent = [at for at in self._shown.get(name, []) if now - at < _WINDOW_SECONDS]
            self._shown[name] = [*recent, now]
            if len(recent) < _LINES_MAX:
                print(f"{name:<9}| {line}", flush=True)
            elif len(recent) == _LINES_MAX:
                print(f"{name:<9}| more in its log file", flush=True)

"""A ``logging.Handler`` that writes to the log table.

It stands apart from the table, because Django sets logging up before it loads any table:
``LOGGING`` names ``models.log_handler.DatabaseLogHandler``.
"""

import logging
import os
import queue
import socket
import sys
import threading
import time
import traceback
from functools import cache

_BATCH = 200
# The writer ends, and its connection with it, when there was nothing to write for so long.
_IDLE_SECONDS = 1.0
_APPS_SECONDS = 30.0
_FLUSH_SECONDS = 5.0

Line = dict[str, str]


class DatabaseLogHandler(logging.Handler):
    """Fills the log table from a thread of its own, and never gets in the caller's way.

    The caller only puts a line into a queue: its transaction, its time and its errors stay its
    own, and the line is kept when the caller's transaction is not. A full queue, or a database
    that is away, costs lines, not callers: they go to standard error and are counted in
    ``lost``. What the writing itself logs is not logged, or it would never end.
    """

    def __init__(self, level: int | str = logging.NOTSET, *, capacity: int = 10_000) -> None:
        super().__init__(level)
        self.lost = 0
        self._capacity = capacity
        self._start_over()

    def handle(self, record: logging.LogRecord) -> bool:
        """Take the record, unless it comes of handling another one."""
        # Before the handler's lock is asked for: whoever flushes may hold it.
        if threading.current_thread() is self._writer or getattr(self._busy, "here", False):
            return False
        return bool(super().handle(record))

    def emit(self, record: logging.LogRecord) -> None:
        """Put the record into the queue; it is in the table a moment later."""
        self._busy.here = True
        try:
            if self._pid != os.getpid():
                # After a fork the queue and its lines are the parent's, and its thread is not here.
                self._start_over()
                self._busy.here = True
            line = _line(record)
            try:
                self._queue.put_nowait(line)
            except queue.Full:
                self._lose([line], "the queue is full")
            self._see_that_somebody_writes()
        except Exception:  # noqa: BLE001 - a log line is not worth its caller's life
            self.lost += 1
            self.handleError(record)
        finally:
            self._busy.here = False

    def flush(self, timeout_seconds: float = _FLUSH_SECONDS) -> None:
        """Wait until what was logged is in the table, or the time is over."""
        limit = time.monotonic() + timeout_seconds
        with self._queue.all_tasks_done:
            while self._queue.unfinished_tasks and (left := limit - time.monotonic()) > 0:
                self._queue.all_tasks_done.wait(left)

    def close(self) -> None:
        """Write what is left, then end."""
        if self._pid == os.getpid():
            self.flush()
        super().close()

    def _start_over(self) -> None:
        self._pid = os.getpid()
        self._queue: queue.Queue[Line] = queue.Queue(self._capacity)
        self._guard = threading.Lock()
        self._writer: threading.Thread | None = None
        self._busy = threading.local()

    def _see_that_somebody_writes(self) -> None:
        with self._guard:
            if self._writer is None:
                self._writer = threading.Thread(
                    target=self._write_until_idle, name="database-log", daemon=True
                )
                self._writer.start()

    def _write_until_idle(self) -> None:
        # Here, because logging is set up before the apps are.
        from django.apps import apps
        from django.db import connection

        apps.ready_event.wait(_APPS_SECONDS)
        while True:
            lines = self._next_lines()
            if lines:
                self._write(lines)
                for _ in lines:
                    self._queue.task_done()
                continue
            connection.close()
            # Under the guard, so that nobody relies on a writer that is about to end.
            with self._guard:
                if self._queue.empty():
                    self._writer = None
                    return

    def _next_lines(self) -> list[Line]:
        lines: list[Line] = []
        try:
            lines.append(self._queue.get(timeout=_IDLE_SECONDS))
            while len(lines) < _BATCH:
                lines.append(self._queue.get_nowait())
        except queue.Empty:
            pass
        return lines

    def _write(self, lines: list[Line]) -> None:
        try:
            _store(lines)
        except Exception as error:  # noqa: BLE001 - there is no caller to tell; the lines are shown instead
            self._lose(lines, f"{type(error).__name__}: {error}")

    def _lose(self, lines: list[Line], reason: str) -> None:
        self.lost += len(lines)
        # Standard error may be closed, in a daemon.
        if sys.stderr is not None:
            for line in lines:
                sys.stderr.write(
                    f"not in the log table ({reason.strip()}): "
                    f"{line['level']} {line['logger']}: {line['message']}\n"
                )


def _store(lines: list[Line]) -> None:
    # Here, because logging is set up before the apps are.
    from django.db import Error, connection

    from models.logger import EasyAutoMLLogger

    rows = [EasyAutoMLLogger(**_host(), **line) for line in lines]
    try:
        EasyAutoMLLogger.objects.bulk_create(rows)
    except Error:
        # The server may have ended the connection; a new one is worth one try.
        connection.close()
        EasyAutoMLLogger.objects.bulk_create(rows)


def _line(record: logging.LogRecord) -> Line:
    return {
        "level": _clean(record.levelname),
        "logger": _clean(record.name),
        "main_module": _clean(record.module),
        "main_function": _clean(record.funcName or ""),
        "message": _clean(_message(record)),
        "traceback": _clean(_traceback(record)),
    }


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - a message that cannot be printed is logged as that
        text = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        return f"{text} (its arguments could not be printed: {type(error).__name__})"


def _traceback(record: logging.LogRecord) -> str:
    parts = []
    if record.exc_info and record.exc_info[0] is not None:
        parts.extend(traceback.format_exception(*record.exc_info))
    elif record.exc_text:
        parts.append(record.exc_text)
    if record.stack_info:
        parts.append(record.stack_info)
    return "".join(parts)


def _clean(text: str) -> str:
    """The text as PostgreSQL can store it: no NUL, no half of a surrogate pair."""
    return text.replace("\x00", "\ufffd").encode(errors="replace").decode()


@cache
def _host() -> Line:
    name = socket.gethostname()
    try:
        address = socket.gethostbyname(name)
    except OSError:
        address = ""
    return {"host_name": name, "ip": address}

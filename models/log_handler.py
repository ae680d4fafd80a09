"""A ``logging.Handler`` that writes to the log table.

It has a module of its own, because Django sets logging up before it loads any table: ``LOGGING`` names
``models.log_handler.DatabaseLogHandler``.
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
# After this time without lines the writer thread ends and closes its connection.
_IDLE_SECONDS = 1.0
_APPS_SECONDS = 30.0
_FLUSH_SECONDS = 5.0

Line = dict[str, str]


class DatabaseLogHandler(logging.Handler):
    """A handler that writes log records to the log table from a separate thread, without affecting callers.

    The caller only puts a line into a queue: it never waits for the database and gets no error from it, and
    the line is kept when the caller's transaction is rolled back. If the queue is full or the database is
    down, lines go to standard error and are counted in ``lost``. Records that the writing itself logs are
    dropped, because each would cause another.
    """

    def __init__(self, level: int | str = logging.NOTSET, *, capacity: int = 10_000) -> None:
        super().__init__(level)
        self.lost = 0
        self._capacity = capacity
        self._reset()

    def handle(self, record: logging.LogRecord) -> bool:
        """Handle the record, unless it was logged while handling another one."""
        # Checked before taking the handler's lock, which a flushing thread may hold.
        if threading.current_thread() is self._writer or getattr(self._busy, "handling", False):
            return False
        return bool(super().handle(record))

    def emit(self, record: logging.LogRecord) -> None:
        """Put the record into the queue, from which the writer thread stores it."""
        self._busy.handling = True
        try:
            if self._pid != os.getpid():
                # After a fork the queued lines belong to the parent, and its thread does not exist here.
                self._reset()
                self._busy.handling = True
            line = _line(record)
            try:
                self._queue.put_nowait(line)
            except queue.Full:
                self._drop([line], "the queue is full")
            self._ensure_writer_runs()
        except Exception:  # noqa: BLE001 - a log line must not fail its caller
            self.lost += 1
            self.handleError(record)
        finally:
            self._busy.handling = False

    def flush(self, timeout_seconds: float = _FLUSH_SECONDS) -> None:
        """Wait until the queued lines are stored, or the timeout has passed."""
        deadline = time.monotonic() + timeout_seconds
        with self._queue.all_tasks_done:
            while self._queue.unfinished_tasks and (left := deadline - time.monotonic()) > 0:
                self._queue.all_tasks_done.wait(left)

    def close(self) -> None:
        """Store the queued lines, then close the handler."""
        if self._pid == os.getpid():
            self.flush()
        super().close()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._queue: queue.Queue[Line] = queue.Queue(self._capacity)
        self._guard = threading.Lock()
        self._writer: threading.Thread | None = None
        self._busy = threading.local()

    def _ensure_writer_runs(self) -> None:
        with self._guard:
            if self._writer is None:
                self._writer = threading.Thread(
                    target=self._write_until_idle, name="database-log", daemon=True
                )
                self._writer.start()

    def _write_until_idle(self) -> None:
        # Imported here, because logging is set up before the apps are.
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
            # Under the guard, so that no caller relies on a writer that is about to end.
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
        except Exception as error:  # noqa: BLE001 - there is no caller to report it to; the lines are printed instead
            self._drop(lines, f"{type(error).__name__}: {error}")

    def _drop(self, lines: list[Line], reason: str) -> None:
        self.lost += len(lines)
        # A daemon may have closed standard error.
        if sys.stderr is not None:
            for line in lines:
                sys.stderr.write(
                    f"not in the log table ({reason.strip()}): "
                    f"{line['level']} {line['logger']}: {line['message']}\n"
                )


def _store(lines: list[Line]) -> None:
    # Imported here, because logging is set up before the apps are.
    from django.db import Error, connection

    from models.logger import EasyAutoMLLogger

    rows = [EasyAutoMLLogger(**_host(), **line) for line in lines]
    try:
        EasyAutoMLLogger.objects.bulk_create(rows)
    except Error:
        # The server may have ended the connection, so try once more with a new one.
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
    except Exception as error:  # noqa: BLE001 - the line says that its message could not be formatted
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
    """Return the text without what PostgreSQL cannot store: NUL and lone surrogates."""
    return text.replace("\x00", "\ufffd").encode(errors="replace").decode()


@cache
def _host() -> Line:
    name = socket.gethostname()
    try:
        address = socket.gethostbyname(name)
    except OSError:
        address = ""
    return {"host_name": name, "ip": address}

"""What gunicorn does around its workers: one directory in which they count together for /metrics."""

import os
import shutil
import tempfile
from typing import Any

_directory = ""


def on_starting(_: Any) -> None:
    """Before the first worker: prometheus-client looks for the directory when it is imported."""
    global _directory  # noqa: PLW0603 - gunicorn's hooks are functions of a module
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        _directory = os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="ledger-metrics-")


def child_exit(_: Any, worker: Any) -> None:
    """A worker's counters stay; what only it knew about itself goes."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


def on_exit(_: Any) -> None:
    """The directory goes with the server."""
    if _directory:
        shutil.rmtree(_directory, ignore_errors=True)

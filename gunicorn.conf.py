"""How gunicorn serves, wherever it is started, and what it does around its workers.

# Note [Few processes, many threads]
Requests that wait in the same process share a transaction, and a transaction costs several times what one
operation adds to it. So there are no more processes than PostgreSQL leaves processors for, and in each as
many threads as may wait together. Each thread may hold a connection to the database.
"""

import os
import shutil
import tempfile
from typing import Any

workers = int(os.environ.get("WEB_CONCURRENCY") or min(4, max(1, (os.cpu_count() or 1) // 2)))
threads = 16
worker_class = "gthread"
graceful_timeout = 8
control_socket_disable = True

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

"""Gunicorn's settings, which it reads wherever it is started, and its hooks.

# Note [Few processes, many threads]
Requests that wait in the same process share a transaction, and a transaction costs several times as much as
one operation in it. So there are only as many processes as PostgreSQL leaves processors for, each with many
threads, whose requests can wait together. Each thread may hold a connection to the database.
"""

import os
import resource
import shutil
import tempfile
from typing import Any

from config.environment import read_or_exit
from config.starting import check_before_web
from web.server.worker import LimitedWorker

_settings = read_or_exit()

workers = _settings.web_concurrency or min(4, max(1, (os.cpu_count() or 1) // 2))
threads = 16
worker_class = LimitedWorker
graceful_timeout = 8
control_socket_disable = True

_directory = ""


def on_starting(_: Any) -> None:
    """Check the database, and prepare what the workers inherit.

    The metrics directory is set before the first worker, because prometheus-client reads it at import. The
    limit on open files is raised as far as the system permits, because each connection is one.
    """
    check_before_web()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    global _directory  # noqa: PLW0603 - gunicorn's hooks are functions of a module
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        _directory = os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="ledger-metrics-")


def child_exit(_: Any, worker: Any) -> None:
    """Drop the connections and gauges of a worker that ended; its counters are kept."""
    from prometheus_client import multiprocess

    worker.connections.free_row(worker.row)
    multiprocess.mark_process_dead(worker.pid)


def on_exit(_: Any) -> None:
    """Remove the metrics directory."""
    if _directory:
        shutil.rmtree(_directory, ignore_errors=True)

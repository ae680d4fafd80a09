"""The machine that was measured: rates say nothing without it."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any


def facts(owner_url: str, broker: str) -> dict[str, str]:
    """Return the facts that the rates depend on, by name."""
    import psycopg2

    connection = psycopg2.connect(owner_url)
    with connection, connection.cursor() as cursor:
        settings = {name: _show(cursor, name) for name in ("fsync", "synchronous_commit", "shared_buffers")}
        server = _show(cursor, "server_version")
    connection.close()
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores, shared by the servers and their clients",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "PostgreSQL": f"{server}, " + ", ".join(f"{name} {value}" for name, value in settings.items()),
        "broker": broker,
        "Python": platform.python_version(),
        "packages": ", ".join(
            f"{name} {version(name)}"
            for name in ("Django", "psycopg2-binary", "kafka-python", "gunicorn", "uvicorn")
        ),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _show(cursor: Any, name: str) -> str:
    cursor.execute(f"show {name}")
    value: str = cursor.fetchone()[0]
    return value

"""The programs of the ledger's own processes."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from stack.state import PROJECT

DEFAULT_WEB_PORT = 8000
DEFAULT_WEB_HOST = "127.0.0.1"
# Less than the ten seconds that ingest has to end, which include its last batch and its shutdown.
_DRAIN_SECONDS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A command line, and the seconds that it may take to end after the stop signal."""

    argv: tuple[str, ...]
    stop_seconds: float


def manage(*arguments: str) -> tuple[str, ...]:
    """Return the command line of `manage.py` with these arguments."""
    return (sys.executable, str(PROJECT / "manage.py"), *arguments)


def worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a worker, without the database owner's password, which only setup needs."""
    return {name: value for name, value in environment.items() if name != "DATABASE_OWNER_URL"}


def programs(environ: Mapping[str, str], *, embedded_broker: bool = False) -> dict[str, Program]:
    """Return every worker in the order in which they are stopped: the processes that accept requests first.

    `environ` has the address of the web server (`LEDGER_WEB_HOST`, `LEDGER_WEB_PORT`). The embedded broker
    loses unread messages when it stops, so `ingest` drains it first; and it needs up to a minute to reassign
    the partitions of a worker that has ended, so one worker reads all of them.
    """
    host = environ.get("LEDGER_WEB_HOST") or DEFAULT_WEB_HOST
    port = environ.get("LEDGER_WEB_PORT") or str(DEFAULT_WEB_PORT)
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    web = (sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", address)
    embedded = ("--alone", "--drain", str(_DRAIN_SECONDS)) if embedded_broker else ()
    return {
        "web": Program(argv=web, stop_seconds=10),
        "ingest": Program(argv=manage("ingest", *embedded), stop_seconds=10),
        "relay": Program(argv=manage("relay"), stop_seconds=10),
        "expire": Program(argv=manage("expire"), stop_seconds=10),
        "project": Program(argv=manage("project"), stop_seconds=10),
    }

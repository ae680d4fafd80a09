"""The processes of the ledger itself, by name."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from stack.state import PROJECT

USUAL_WEB_PORT = 8000
USUAL_WEB_HOST = "127.0.0.1"
# Less than the ten seconds in which ingest has to end: its last batch and its leaving take some of them.
_DRAIN_SECONDS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run, and how long it may take to end once asked (seconds)."""

    argv: tuple[str, ...]
    stop_seconds: float


def manage(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, str(PROJECT / "manage.py"), *arguments)


def worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings of a worker. It never learns the database owner's password: only setup does."""
    return {name: value for name, value in environment.items() if name != "DATABASE_OWNER_URL"}


def programs(environ: Mapping[str, str], *, embedded_broker: bool = False) -> dict[str, Program]:
    """Every worker, in the order in which they are stopped: what takes orders goes first.

    `environ` names the web server's address (`LEDGER_WEB_HOST`, `LEDGER_WEB_PORT`). `embedded_broker`: what
    was not read when it stops is lost, so that it is read first; and it takes up to a minute to share out the
    partitions of a worker that is gone, so that one worker reads all of them.
    """
    host = environ.get("LEDGER_WEB_HOST") or USUAL_WEB_HOST
    port = environ.get("LEDGER_WEB_PORT") or str(USUAL_WEB_PORT)
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

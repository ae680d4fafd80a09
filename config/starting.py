"""The checks at the start of a process, before it starts anything."""

import sys
from collections.abc import Sequence
from typing import Final

import django

from config import VERSION
from config.environment import read_or_exit
from config.servers import check_databases

# `worker_health` says itself that the database does not answer, with the status that health checks expect.
_WITHOUT_DATABASE: Final = frozenset(
    {
        "worker_health",
        "help",
        "version",
        "check",
        "makemessages",
        "makemigrations",
        "openapi",
        "diffsettings",
        "test",
    }
)
_WORKERS: Final = frozenset({"ingest", "relay", "expire", "project"})
_THOROUGH: Final = _WORKERS | {"setup", "check_settings"}


def check_before_command(arguments: Sequence[str]) -> None:
    """Check the settings and the database for a command of `manage.py`, or exit with status 2.

    `arguments` are those after the program's name. The workers wait for a database that is away.
    """
    if tuple(arguments) in {("--version",), ("version",)}:
        print(f"easyautoml-ledger {VERSION} (Django {django.__version__})")  # noqa: T201 - what was asked for
        sys.exit(0)
    environment = read_or_exit()
    command = next(iter(arguments), "help")
    if command.startswith("-") or command in _WITHOUT_DATABASE or {"-h", "--help"} & set(arguments):
        return
    found = check_databases(
        environment, owner=command in {"setup", "check_settings"}, sessions=command in _THOROUGH
    )
    _exit_if([finding.line for finding in found if command not in _WORKERS or not finding.may_pass])


def check_before_web() -> None:
    """Check the database for the web server, which waits for one that is away, or exit with status 2."""
    found = check_databases(read_or_exit(), owner=False, sessions=True)
    _exit_if([finding.line for finding in found if not finding.may_pass])


def _exit_if(lines: Sequence[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr)  # noqa: T201 - logging is not set up yet
    if lines:
        sys.exit(2)

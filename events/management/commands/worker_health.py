"""`manage.py worker_health NAME`: says by its exit status whether a worker does its work."""

import socket
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from events.heartbeats import ALIVE_SECONDS, WORKERS, read


class Command(BaseCommand):
    """For health checks of containers and other supervisors."""

    help = (
        "Exit with status 0 if a worker on this host has sent a heartbeat in the last "
        f"{ALIVE_SECONDS} seconds, else 1. Heartbeats stop also when the worker cannot reach the broker or "
        "the database."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("worker", choices=WORKERS)
        parser.add_argument("--any-host", action="store_true", help="a worker on another host will do")

    def handle(self, *args: Any, **options: Any) -> None:
        host = None if options["any_host"] else socket.gethostname()
        where = "" if host is None else f" on {host}"
        try:
            (found,) = (state for state in read(host=host) if state.worker == options["worker"])
        except Error as error:
            reason = str(error).strip().partition("\n")[0]
            raise CommandError(f"the database does not answer: {reason}", returncode=1) from error
        if not found.alive:
            last = "none ever" if found.age_seconds is None else f"the last {found.age_seconds:.0f} s ago"
            raise CommandError(f"{found.worker} sends no heartbeats{where}: {last}", returncode=1)
        self.stdout.write(f"{found.worker}: {found.alive} alive{where}")

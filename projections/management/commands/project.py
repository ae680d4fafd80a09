"""`manage.py project`: runs the worker of the read models."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from events.settler import settle_all
from events.worker import Stop, collect_rarely
from projections.catalog import PROJECTIONS
from projections.runner import Runner


class Command(BaseCommand):
    """Advances the projections until stopped."""

    help = (
        "Advance the settled position and every asynchronous projection, until SIGTERM or SIGINT; the "
        "current chunk is finished first. Several may run at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--once",
            action="store_true",
            help="bring the projections up to what is in the log now, and end",
        )

    def handle(self, *args: Any, once: bool = False, **options: Any) -> None:
        collect_rarely()
        runner = Runner(PROJECTIONS)
        names = ", ".join(runner.projections)
        if once:
            position = settle_all()
            runner.catch_up(position)
            self.stdout.write(f"projected {names} up to position {position}")
            return
        stop = Stop().on_signals()
        self.stdout.write(f"projecting {names}")
        runner.run(stop)
        self.stdout.write("stopped")

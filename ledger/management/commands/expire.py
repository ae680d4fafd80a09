"""`manage.py expire`: ends coupons, holds and proposals whose time is over, until it is asked to stop."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from events.worker import Stop
from ledger.expiry import run, sweep_overdue


class Command(BaseCommand):
    """Needs no broker. Several may run."""

    help = (
        "Writes down about every second which coupons, holds and proposals have expired, until SIGTERM or "
        "SIGINT. However late it is, what has expired is neither spent, shown nor approved. Several may run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="sweep what is overdue now, and end")

    def handle(self, *args: Any, once: bool = False, **options: Any) -> None:
        if not once:
            run(Stop().on_signals())
            return
        swept = 0
        while users := sweep_overdue(now=timezone.now()):
            swept += users
        self.stdout.write(f"swept what was overdue of {swept} users and proposals")

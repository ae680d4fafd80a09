"""`manage.py expire`: records the expiry of coupons, holds and proposals until it is stopped."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from events.worker import Stop
from ledger.expiry import run, sweep_overdue


class Command(BaseCommand):
    help = (
        "Record about every second which coupons, holds and proposals have expired, until SIGTERM or "
        "SIGINT. A delay is harmless: what has expired is never spent, shown or approved. Needs no broker. "
        "Several may run at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="record what is overdue now, and exit")

    def handle(self, *args: Any, once: bool = False, **options: Any) -> None:
        if not once:
            run(Stop().on_signals())
            return
        swept = 0
        while users := sweep_overdue(now=timezone.now()):
            swept += users
        self.stdout.write(f"recorded expiries of {swept} users and proposals")

"""`manage.py ingest`: takes operations from Kafka until it is asked to stop."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from events.kafka.ingest import Ingest
from events.worker import Stop, collect_rarely
from ledger.intake import copies, waiting
from ledger.intake.routes import ROUTES


class Command(BaseCommand):
    """One worker; several of them share the partitions."""

    help = (
        "Takes operations from Kafka and posts them, and posts what waited for a user or machine. Several of "
        "them share the partitions. SIGTERM and SIGINT end it after the batch it is at, or as --drain says."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--alone",
            action="store_true",
            help="read all partitions, instead of joining the group that shares them: starts at once",
        )

        parser.add_argument(
            "--drain",
            type=float,
            default=0.0,
            metavar="SECONDS",
            help="asked to end, read what is there for so long at most: for a broker that keeps nothing",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        collect_rarely()
        Ingest(
            routes=ROUTES,
            batch=settings.ENVIRONMENT.ingest_batch,
            stop=Stop().on_signals(),
            chores=[copies.apply, waiting.sweep],
            alone=options["alone"],
            drain=options["drain"],
        ).run()

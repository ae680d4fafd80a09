"""`manage.py ingest`: reads messages from Kafka and posts them until it is stopped."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from events.kafka.ingest import Ingest
from events.worker import Stop, collect_rarely
from ledger.intake import copies, waiting
from ledger.intake.routes import ROUTES


class Command(BaseCommand):
    help = (
        "Read messages from Kafka and post them, and retry the messages that wait. Several processes share "
        "the partitions. SIGTERM and SIGINT stop it after the current batch, or as --drain says."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--alone",
            action="store_true",
            help="read all partitions without joining the consumer group; starts faster",
        )
        parser.add_argument(
            "--drain",
            type=float,
            default=0.0,
            metavar="SECONDS",
            help="when stopped, first read what is left, for at most this long: for a broker without storage",
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

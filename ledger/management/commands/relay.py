"""`manage.py relay`: tells the log to Kafka until it is asked to stop."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from events.kafka.relay import Relay
from events.worker import Stop, collect_rarely
from ledger.feeds.balances import BalanceFeed
from ledger.feeds.outcomes import OutcomeFeed


class Command(BaseCommand):
    """Publishes; where several run, one of them does and the others stand by."""

    help = (
        "Settles the log and tells it to billing.operations, billing.balances and billing.dead-letters, at "
        "least once and in order per paying user. Where several run, one publishes and the others stand by. "
        "SIGTERM and SIGINT end it after the batch it is at."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        collect_rarely()
        Relay(
            feeds=[OutcomeFeed(), BalanceFeed()],
            transactional_id=f"{settings.ENVIRONMENT.kafka_group}-relay",
            stop=Stop().on_signals(),
        ).run()

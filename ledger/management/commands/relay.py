"""`manage.py relay`: publishes the log to Kafka until it is stopped."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from easyautoml_ledger.topics import BILLING_DEAD_LETTERS, TOPICS
from events.kafka.relay import Relay
from events.worker import Stop, collect_rarely
from ledger.feeds.balances import BalanceFeed
from ledger.feeds.outcomes import OutcomeFeed


class Command(BaseCommand):
    help = (
        "Settle the log and publish it on billing.operations, billing.balances and billing.dead-letters, "
        "at least once and in order per paying user. If several run, one publishes and the others are on "
        "standby. SIGTERM and SIGINT stop it after the current batch."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        collect_rarely()
        Relay(
            feeds=[OutcomeFeed(), BalanceFeed()],
            dead_letter_topic=BILLING_DEAD_LETTERS,
            transactional_id=f"{settings.ENVIRONMENT.kafka_group}-relay",
            stop=Stop().on_signals(),
            incoming=sorted(topic.name for topic in TOPICS.values() if topic.incoming),
        ).run()

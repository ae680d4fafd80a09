"""`manage.py check_settings`: says whether the ledger could start with these settings."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from events.kafka.clients import make_admin
from events.kafka.errors import KafkaError


class Command(BaseCommand):
    """Asks the broker. `manage.py` has checked the settings and the database before any command."""

    help = (
        "Check every setting, the database (it answers, lets the roles in, is new enough, and is not behind "
        "a pooler in transaction mode) and the broker, and print one line for each that cannot be used. The "
        "exit status is then 2. Changes nothing."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            make_admin(client="check-settings").close()
        except KafkaError as error:
            raise CommandError(
                f"KAFKA_BOOTSTRAP_SERVERS must name a broker that answers: {error}", returncode=2
            ) from error
        self.stdout.write("settings: ok")

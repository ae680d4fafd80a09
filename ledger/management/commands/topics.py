"""`manage.py topics`: creates missing topics, and reports where existing ones differ."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.kafka.clients import make_admin
from events.kafka.errors import KafkaError
from events.kafka.topics import create_missing, drift
from ledger.management.topics import declared_topics


class Command(BaseCommand):
    """Creates missing topics and reports drift. Changes no existing topic."""

    help = (
        "Create the topics that the broker lacks, with the declared partitions, retention and compaction, "
        "and report where existing topics differ. Existing topics are not changed: a different number of "
        "partitions would break the order per user, and other settings may be intended. The exit status is 1 "
        "if a topic differs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="create nothing; only report differences")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            admin = make_admin(client="topics")
        except KafkaError as error:
            raise CommandError(f"no broker answers: {error}", returncode=2) from error
        declared = declared_topics()
        try:
            if not options["check"]:
                for name in create_missing(admin, declared):
                    self.stdout.write(f"topic: {name} made")
            differences = drift(admin, declared)
        except KafkaError as error:
            raise CommandError(f"the broker refused: {error}", returncode=2) from error
        finally:
            admin.close()
        for line in differences:
            self.stderr.write(f"topic: {line}")
        if differences:
            raise CommandError("topics are not as declared")

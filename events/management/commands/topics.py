"""`manage.py topics`: makes the topics that are missing, and says where the others differ."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.kafka.clients import make_admin
from events.kafka.errors import KafkaError
from events.kafka.topics import create_missing, drift


class Command(BaseCommand):
    """Makes missing topics and reports drift; changes no topic that exists."""

    help = (
        "Makes the topics that the broker does not have, with the declared partitions, retention and "
        "compaction, and says where existing ones differ. It changes none: other partitions would break the "
        "order per user, and other settings may be somebody's decision. Exit status 1 where one differs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="make nothing, only say what differs")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            admin = make_admin(client="topics")
        except KafkaError as error:
            raise CommandError(f"no broker answers: {error}", returncode=2) from error
        try:
            if not options["check"]:
                for name in create_missing(admin):
                    self.stdout.write(f"topic: {name} made")
            differences = drift(admin)
        except KafkaError as error:
            raise CommandError(f"the broker refused: {error}", returncode=2) from error
        finally:
            admin.close()
        for line in differences:
            self.stderr.write(f"topic: {line}")
        if differences:
            raise CommandError("topics are not as declared")

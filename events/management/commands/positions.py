"""`manage.py positions`: shows how far the ledger has read, and releases partitions with an alarm."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.kafka import positions


class Command(BaseCommand):
    """Lists the positions; with --go-on releases a partition with an alarm."""

    help = (
        "List how far the ledger has read each partition. A partition whose messages are gone or cannot be "
        "parsed is stopped with an alarm: nothing is skipped automatically. --go-on sets the offset to "
        "continue at, after an operator has checked what is lost. Workers follow within a few seconds."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--go-on",
            nargs=3,
            metavar=("TOPIC", "PARTITION", "OFFSET"),
            help="continue reading at this offset; only a partition with an alarm can be moved",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["go_on"] is not None:
            self._go_on(*options["go_on"])
        for position in positions.read_all():
            lag = max(0, position.end - position.next)
            alarm = "" if position.alarm is None else f" ALARM: {position.alarm}"
            self.stdout.write(
                f"{position.topic}[{position.partition}] next={position.next} lag={lag} "
                f"topic-id={position.topic_id}{alarm}"
            )

    def _go_on(self, topic: str, partition: str, offset: str) -> None:
        if not (partition.isdecimal() and offset.isdecimal()):
            raise CommandError("the partition and the offset must be whole numbers")
        moved = positions.clear_alarm(topic, int(partition), int(offset))
        if moved is None:
            raise CommandError(f"{topic}[{partition}] has no alarm")
        self.stdout.write(f"{topic}[{partition}] continues at {offset} instead of {moved}")

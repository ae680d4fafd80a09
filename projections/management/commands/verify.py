"""`manage.py verify`: checks that everything stored follows from the log."""

import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

from events.settler import settle_all
from events.worker import collect_rarely
from ledger.domain.money import text
from projections.verification import Mismatch, verify

_SAY_EVERY_SECONDS = 5.0


class Command(BaseCommand):
    """Derives everything from the log again and prints mismatches."""

    help = (
        "Derive every operation, entry, balance, key and projection from the log again, in one snapshot "
        "while workers continue, and print each mismatch: place, subject, expected, found. The last line "
        "is `verify: ok …` with exit status 0, or `verify: N mismatches` with 1."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--show",
            type=int,
            default=1000,
            metavar="N",
            help="print at most N mismatches; the rest are counted (default: 1000)",
        )

        parser.add_argument(
            "--one-process",
            action="store_true",
            help="use one process instead of two: slower, for a machine with one core",
        )

    def handle(self, *args: Any, show: int = 1000, **options: Any) -> None:
        collect_rarely()
        settle_all()
        printed = 0
        started = said = time.monotonic()

        def report(mismatch: Mismatch) -> None:
            nonlocal printed
            printed += 1
            if printed <= show:
                self.stdout.write(str(mismatch))
            elif printed == show + 1:
                self.stdout.write("further mismatches are only counted")

        def progress(position: int, highest: int) -> None:
            nonlocal said
            now = time.monotonic()
            if now - said >= _SAY_EVERY_SECONDS:
                said = now
                rate = position / (now - started)
                self.stderr.write(f"verify: position {position} of {highest}, {rate:,.0f} a second")

        in_two = not (options["one_process"] or connection.in_atomic_block)
        result = verify(report=report, progress=progress, in_two=in_two)
        if result.mismatches:
            self.stdout.write(f"verify: {result.mismatches} mismatches")
            sys.exit(1)
        totals = " ".join(f"{currency.lower()}={text(delta)}" for currency, delta in result.delta.items())
        self.stdout.write(
            f"verify: ok events={result.events} entries={result.entries} users={result.users} {totals}"
        )

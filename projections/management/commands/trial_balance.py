"""`manage.py trial_balance`: prints the platform's accounts, users' accounts by kind, and totals."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledger.domain.money import text
from ledger.domain.periods import Month
from projections.reports.stamp import NotSettled
from projections.reports.trial_balance import trial_balance


class Command(BaseCommand):
    """Prints the trial balance as of a settled position."""

    help = (
        "Print the debits and credits of every account of the platform and every kind of users' accounts, up "
        "to a settled position, or as of the end of a month. The exit status is 1 if debits "
        "and credits differ."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--position", type=int, help="up to this position (default: all that is settled)")
        parser.add_argument("--period", help="what counts for the books by the end of this month: 2026-10")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            month = None if options["period"] is None else Month.parse(options["period"])
            balance = trial_balance(options["position"], month)
        except (NotSettled, ValueError) as error:
            raise CommandError(str(error)) from error
        rows = [
            (line.account, line.currency, text(line.debits), text(line.credits), text(line.balance))
            for line in balance.lines
        ]
        rows += [
            (f"total {currency}", currency, text(debits), text(credits_), text(debits - credits_))
            for currency, (debits, credits_) in balance.totals().items()
        ]
        head = ("account", "currency", "debits", "credits", "balance")
        widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
        of = "" if month is None else f" of {month}"
        self.stdout.write(f"trial balance{of} as of position {balance.position}")
        for row in (head, *rows):
            cells = [cell.ljust(width) for cell, width in zip(row[:2], widths, strict=False)]
            cells += [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
            self.stdout.write("  ".join(cells).rstrip())
        if any(debits != credits_ for debits, credits_ in balance.totals().values()):
            sys.exit(1)

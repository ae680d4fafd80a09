"""`manage.py export_journal`: exports the journal for hledger or beancount."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledger.domain.periods import Month
from projections.reports.journal_export import export_journal
from projections.reports.stamp import NotSettled


class Command(BaseCommand):
    """Writes the journal in plain text, with its closing balances as assertions."""

    help = (
        "Write every operation with its entries as an hledger or beancount journal, up to a settled position "
        "named in its first line; the same position always gives the same file. Closing balances are "
        "assertions, which `hledger check` or `bean-check` proves."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=["hledger", "beancount"], required=True)
        parser.add_argument("--position", type=int, help="up to this position (default: all that is settled)")
        parser.add_argument(
            "--period", help="only what counts in this month, after its opening balances: 2026-10"
        )
        parser.add_argument("--output", metavar="FILE", help="where to write (default: standard output)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            month = None if options["period"] is None else Month.parse(options["period"])
            exported = export_journal(options["format"], options["position"], month)
            lines = (f"{line}\n" for line in exported)
            if options["output"] is None:
                for line in lines:
                    self.stdout.write(line, ending="")
                return
            with Path(options["output"]).open("w", encoding="utf-8") as file:
                file.writelines(lines)
        except (NotSettled, ValueError) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{options['output']} cannot be written: {error.strerror}") from error

"""`manage.py import_opening_balances FILE.csv`: imports the balances of the older system."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ledger.domain.errors import Invalid
from ledger.imports import opening_balances
from ledger.management.output import say


class Command(BaseCommand):
    help = opening_balances.__doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        try:
            imported = opening_balances.import_opening_balances(
                options["file"],
                now=timezone.now(),
                progress=lambda done, of: say(self.stdout, f"{done} of {of} users"),
            )
        except Invalid as error:
            raise CommandError(f"{options['file']}: {error.details['field']}: {error.message}") from None
        say(
            self.stdout,
            f"opening balances: recorded={imported.recorded} replayed={imported.replayed} "
            f"conflicting={len(imported.conflicting)} rejected={len(imported.rejected)}",
        )
        for word, users in (("conflict", imported.conflicting), ("rejected", imported.rejected)):
            for user in users:
                self.stderr.write(f"{word}: user {user}")
        if imported.conflicting or imported.rejected:
            raise CommandError("some opening balances were not posted")

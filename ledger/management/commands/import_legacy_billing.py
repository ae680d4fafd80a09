"""`manage.py import_legacy_billing FILE.csv`: imports billing rows of the older system."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ledger.domain.errors import Invalid
from ledger.imports import legacy_billing
from ledger.management.output import say


class Command(BaseCommand):
    help = legacy_billing.__doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        try:
            imported = legacy_billing.import_legacy_billing(
                options["file"],
                now=timezone.now(),
                progress=lambda done: say(self.stdout, f"{done} rows"),
            )
        except Invalid as error:
            raise CommandError(f"{options['file']}: {error.details['field']}: {error.message}") from None
        for refused in imported.refused:
            self.stderr.write(f"refused: {refused}")
        say(
            self.stdout,
            f"legacy billing: recorded={imported.recorded} replayed={imported.replayed} "
            f"refused={len(imported.refused)}",
        )
        if imported.refused:
            raise CommandError("some rows were refused")

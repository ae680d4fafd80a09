"""`manage.py rebuild`: rebuilds what follows from the log."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.worker import collect_rarely
from projections.catalog import PROJECTIONS, UnknownProjection, projection_named
from projections.rebuild import rebuild
from projections.rebuild_balances import rebuild_balances
from projections.rebuild_rows import rebuild_records

_SAY_EVERY_SECONDS = 5.0


class Command(BaseCommand):
    """Rebuilds a projection, the balances, or lost operations and entries, while the ledger keeps running."""

    help = (
        "Rebuild a projection from the log in shadow tables and swap in the rows that differ. `balances` "
        "rebuilds accounts, grants, holds and the balances on users, under each user's lock; `records` "
        "restores lost operations and entries; `all` does all of it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        names = ", ".join(projection.name for projection in PROJECTIONS)
        parser.add_argument("name", help=f"{names}, balances, records or all")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        collect_rarely()
        started = time.monotonic()
        if name in {"records", "all"}:
            operations, entries = rebuild_records(progress=self._progress("records"))
            self.stdout.write(f"records: {operations} operations and {entries} entries were missing")
        if name in {"balances", "all"}:
            mended = rebuild_balances(progress=self._progress("balances"))
            self.stdout.write(f"balances: {mended} rows were different")
        if name not in {"records", "balances"}:
            try:
                projections = PROJECTIONS if name == "all" else [projection_named(name)]
            except UnknownProjection as error:
                raise CommandError(str(error)) from error
            for projection in projections:
                swapped = rebuild(projection, progress=self._progress(projection.name))
                self.stdout.write(
                    f"{projection.name}: {swapped.deleted} rows taken out, {swapped.inserted} put in",
                )
        self.stdout.write(f"rebuilt {name} in {time.monotonic() - started:.1f} s")

    def _progress(self, what: str) -> Any:
        said = time.monotonic()

        def progress(position: int, upto: int) -> None:
            nonlocal said
            if time.monotonic() - said >= _SAY_EVERY_SECONDS:
                said = time.monotonic()
                self.stderr.write(f"{what}: position {position} of {upto}")

        return progress

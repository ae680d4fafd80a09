"""`manage.py periods list|close|reopen`: lists closed months, and proposes to close or reopen one."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from ledger.management import people
from ledger.queries import periods
from ledger.requests.periods import CHANGES


class Command(BaseCommand):
    help = (
        "List the months that were closed, or propose to close or reopen one. A second person approves the "
        "proposal with `proposals approve`. Exit status 2: the command was refused; the message says why."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="list the months that were closed, newest first")
        close = actions.add_parser("close", help="propose to close a month that is over")
        reopen = actions.add_parser("reopen", help="propose to reopen the last closed month")
        for action in (close, reopen):
            action.add_argument("period", help="the month in UTC: 2026-10")
            action.add_argument(
                "--reason-code", default="month_end", help="a short code (default: month_end)"
            )
            action.add_argument("--reason", required=True, help="the reason as text; can be erased later")
            people.add_arguments(action)

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        if options["action"] == "list":
            self._list()
            return
        person = people.find_administrator(options["person"])
        values = {name: options[name] for name in ("period", "reason_code", "reason")}
        people.post_as(self, person, CHANGES[options["action"]], values, options)

    def _list(self) -> None:
        _, found = periods.all_periods()
        for period in found:
            self.stdout.write(
                f"{period.month}  {period.state}  proposed by {period.proposer}, approved by "
                f"{period.resolver} at {period.changed_at:%Y-%m-%d %H:%M}Z"
            )

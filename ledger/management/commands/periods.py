"""`manage.py periods list|close|reopen`: lists closed months, and proposes to close or reopen one."""

from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ledger.domain.closing import PeriodChange
from ledger.domain.periods import Month
from ledger.management import people
from ledger.queries import periods
from ledger.requests import bodies, by_people
from ledger.requests.four_eyes import role_of


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
        try:
            month = Month.parse(options["period"])
        except ValueError as error:
            raise CommandError(str(error), returncode=people.REFUSED) from error
        body = people.read_body(
            bodies.PeriodProposal, {"reason_code": options["reason_code"], "reason": options["reason"]}
        )
        change = PeriodChange(action=options["action"], month=month)
        build = partial(by_people.change_period, body, change, role=role_of(person), now=timezone.now())
        people.post_as(self, person, build, options)

    def _list(self) -> None:
        _, found = periods.all_periods()
        for period in found:
            self.stdout.write(
                f"{period.month}  {period.state}  proposed by {period.proposer}, approved by "
                f"{period.resolver} at {period.changed_at:%Y-%m-%d %H:%M}Z"
            )

"""`manage.py adjust USER ACCOUNT up|down AMOUNT`: an adjustment, or the proposal of one."""

from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from ledger.management import people
from ledger.requests import bodies, by_people
from ledger.requests.four_eyes import role_of


class Command(BaseCommand):
    """The same rules as at every door: what is above the limit of a role waits for a second person."""

    help = (
        "Puts an amount on a user's account or takes it off, as an administrator. More than his role adjusts "
        "alone in a day becomes a proposal. Exit status 2: refused, and why."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", type=int, help="the id of the user")
        parser.add_argument("account", choices=("usd", "eaml", "coupon", "due:usd", "due:eaml"))
        parser.add_argument("direction", choices=("up", "down"))
        parser.add_argument("amount", help="in the account's currency, at most 8 decimals: 12.50")
        parser.add_argument("--reason-code", required=True, help="a short code: goodwill, refund, write_off")
        parser.add_argument("--reason", required=True, help="why, in words; can be erased later")
        parser.add_argument("--evidence", help="a link")
        people.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        person = people.person_of(options["person"])
        names = ("account", "direction", "amount", "reason_code", "reason", "evidence")
        body = people.read(
            bodies.Adjustment,
            {"operation_user": options["user"], **{name: options[name] for name in names}},
        )
        made = partial(by_people.adjust_balance, body, role=role_of(person), now=timezone.now())
        self.stdout.write(people.told(people.posted(made, person, options), options))

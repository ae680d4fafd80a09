"""`manage.py adjust USER ACCOUNT up|down AMOUNT`: adjusts a balance, or proposes to."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from ledger.management import people
from ledger.requests.accounts import ADJUST


class Command(BaseCommand):
    help = (
        "Add an amount to a user's account or deduct it, as an administrator. Above the daily limit of "
        "their role, the adjustment becomes a proposal that a second person has to approve. Exit status 2: "
        "the command was refused; the message says why."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", type=int, help="the id of the user")
        parser.add_argument("account", choices=("usd", "eaml", "coupon", "due:usd", "due:eaml"))
        parser.add_argument("direction", choices=("up", "down"))
        parser.add_argument("amount", help="in the account's currency, at most 8 decimals: 12.50")
        parser.add_argument("--reason-code", required=True, help="a short code: goodwill, refund, write_off")
        parser.add_argument("--reason", required=True, help="the reason as text; can be erased later")
        parser.add_argument(
            "--operation", help="the id of the user's operation that this corrects or completes"
        )
        parser.add_argument("--evidence", help="a link to the evidence")
        people.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        person = people.find_administrator(options["person"])
        names = ("account", "direction", "amount", "operation", "reason_code", "reason", "evidence")
        values = {"operation_user": options["user"], **{name: options[name] for name in names}}
        people.post_as(self, person, ADJUST, values, options)

"""`manage.py proposals list|approve|decline`: lists and resolves open proposals."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ledger.management import people
from ledger.queries import proposals
from ledger.requests.proposals import APPROVE, DECLINE


class Command(BaseCommand):
    help = (
        "List the open proposals, or approve or decline one as an administrator. Exit status 2: the "
        "command was refused; the message says why."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="list the open proposals, newest first")
        approve = actions.add_parser("approve", help="approve a proposal, which carries it out")
        decline = actions.add_parser("decline", help="decline a proposal")
        for action in (approve, decline):
            action.add_argument("proposal", type=UUID, help="the id of the proposal")
            people.add_arguments(action)
        decline.add_argument("--reason", required=True, help="the reason as text; can be erased later")

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        if options["action"] == "list":
            self._list()
            return
        person = people.find_administrator(options["person"])
        found = proposals.find(str(options["proposal"]))
        if found is None:
            raise CommandError("proposal_unknown: there is no such proposal", returncode=people.REFUSED)
        request = APPROVE if options["action"] == "approve" else DECLINE
        if request is APPROVE and not options["dry_run"]:
            people.check_may_approve()
        values = {
            "subject": found.subject,
            "proposal": str(options["proposal"]),
            "reason": options.get("reason"),
        }
        people.post_as(self, person, request, values, options)

    def _list(self) -> None:
        for found in proposals.open_proposals(at=timezone.now()):
            about = found.subject if found.user is None else f"{found.subject} of user {found.user}"
            details = " ".join(f"{name}={value}" for name, value in sorted(found.body.items()))
            self.stdout.write(
                f"{found.id}  {about}: {details}  {found.reason_code}, by {found.proposer}, "
                f"until {found.expires_at:%Y-%m-%d %H:%M}Z"
            )

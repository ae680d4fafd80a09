"""`manage.py tariffs list|show|propose`: shows the versions of the tariff, and proposes new ones."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger.management import people
from ledger.queries import tariffs
from ledger.requests.tariffs import OVERRIDE_TARIFF, PROPOSE_TARIFF


class Command(BaseCommand):
    help = (
        "List the published versions of the tariff, show the terms of one, or propose a version as an "
        "administrator. A second person approves it with `proposals approve`, over HTTP or in the "
        "administration. Exit status 2: the command was refused; the message says why."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="list all versions, latest first")
        show = actions.add_parser("show", help="print the terms of a version in the format of `propose`")
        show.add_argument("version", type=int, help="the number of the version")
        propose = actions.add_parser("propose", help="propose a version, which a second person approves")
        propose.add_argument(
            "terms", type=Path, help="a JSON file with all terms, or with some of them for an override"
        )
        override = propose.add_mutually_exclusive_group()
        override.add_argument("--user", type=int, help="override the terms of this user")
        override.add_argument("--team", type=int, help="override the terms of this team's members")
        propose.add_argument(
            "--from", dest="effective_from", help="when it takes effect: 2027-01-01T00:00:00Z"
        )
        propose.add_argument("--reason-code", required=True, help="a short code: prices, contract")
        propose.add_argument("--reason", required=True, help="the reason as text; can be erased later")
        people.add_arguments(propose)

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        match options["action"]:
            case "list":
                self._list()
            case "show":
                self._show(options["version"])
            case _:
                self._propose(options)

    def _list(self) -> None:
        found = sorted((*tariffs.base_versions(), *tariffs.overrides()), key=lambda each: -each.version)
        for each in found:
            scope = "everyone"
            if each.user is not None:
                scope = f"user {each.user}"
            elif each.team is not None:
                scope = f"team {each.team}"
            self.stdout.write(
                f"{each.version}  from {each.effective_from:%Y-%m-%d %H:%M}Z  {scope}  "
                f"published {each.published_at:%Y-%m-%d %H:%M}Z"
            )

    def _show(self, version: int) -> None:
        found = tariffs.find(version)
        if found is None:
            raise CommandError(f"there is no tariff version {version}", returncode=people.REFUSED)
        self.stdout.write(json.dumps(found.terms, indent=2, sort_keys=True))

    def _propose(self, options: dict[str, Any]) -> None:
        person = people.find_administrator(options["person"])
        try:
            given = json.loads(options["terms"].read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CommandError(f"{options['terms']}: {error}", returncode=people.REFUSED) from None
        names = ("effective_from", "user", "team", "reason_code", "reason")
        is_override = options["user"] is not None or options["team"] is not None
        values = {"terms": given, **{name: options[name] for name in names}}
        request = OVERRIDE_TARIFF if is_override else PROPOSE_TARIFF
        people.post_as(self, person, request, values, options)

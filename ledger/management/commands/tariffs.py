"""`manage.py tariffs list|show|propose`: the versions of the tariff, and new ones for a second person."""

import json
from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ledger.management import people
from ledger.queries import tariffs
from ledger.requests import by_people, terms
from ledger.requests.four_eyes import role_of


class Command(BaseCommand):
    """What is proposed here is approved by `manage.py proposals`, or at any other door."""

    help = (
        "Lists the published versions of the tariff, shows the terms of one, or proposes a version as an "
        "administrator. Exit status 2: refused, and why."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="show every version, the latest first")
        show = actions.add_parser("show", help="print the terms of a version, as `propose` reads them")
        show.add_argument("version", type=int)
        propose = actions.add_parser("propose", help="let a version wait for a second person")
        propose.add_argument("terms", type=Path, help="a file of JSON with the terms; of an override some")
        whose = propose.add_mutually_exclusive_group()
        whose.add_argument("--user", type=int, help="the user whose terms these are")
        whose.add_argument("--team", type=int, help="the team whose members' terms these are")
        propose.add_argument(
            "--from", dest="effective_from", help="when it takes effect: 2027-01-01T00:00:00Z"
        )
        propose.add_argument("--reason-code", required=True, help="a short code: prices, contract")
        propose.add_argument("--reason", required=True, help="why, in words; can be erased later")
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
        found = sorted((*tariffs.everybodys(), *tariffs.overrides()), key=lambda each: -each.version)
        for each in found:
            whose = "everybody"
            if each.user is not None:
                whose = f"user {each.user}"
            elif each.team is not None:
                whose = f"team {each.team}"
            self.stdout.write(
                f"{each.version}  from {each.effective_from:%Y-%m-%d %H:%M}Z  {whose}  "
                f"published {each.published_at:%Y-%m-%d %H:%M}Z"
            )

    def _show(self, version: int) -> None:
        found = tariffs.find(version)
        if found is None:
            raise CommandError(f"there is no version {version}", returncode=people.REFUSED)
        self.stdout.write(json.dumps(found.terms, indent=2, sort_keys=True))

    def _propose(self, options: dict[str, Any]) -> None:
        person = people.person_of(options["person"])
        try:
            given = json.loads(options["terms"].read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CommandError(f"{options['terms']}: {error}", returncode=people.REFUSED) from None
        names = ("effective_from", "user", "team", "reason_code", "reason")
        of_one = options["user"] is not None or options["team"] is not None
        values = {"terms": given, **{name: options[name] for name in names}}
        body: terms.Tariff | terms.TariffOverride = (
            people.read(terms.TariffOverride, values) if of_one else people.read(terms.Tariff, values)
        )
        made = partial(by_people.propose_tariff, body, role=role_of(person), now=timezone.now())
        self.stdout.write(people.told(people.posted(made, person, options), options))

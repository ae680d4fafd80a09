"""`manage.py dead_letters list|show|mend|replay|dismiss`: shows and resolves dead letters."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from events.kafka import dead_letter_store
from events.kafka.notation import from_text, headers_from_text, headers_to_text, to_text
from events.models import DeadLetter, LetterAct
from ledger.domain.errors import LedgerError
from ledger.intake import dead_letters
from ledger.management import people
from ledger.management.output import say
from ledger.requests.four_eyes import actor_of


class Command(BaseCommand):
    help = (
        "List the open dead letters, or show one as JSON (key, headers, value) with its history. `mend` "
        "reads the same JSON, edited, from a file; the original message is kept. `replay` processes the "
        "message, as last mended, like any message of its topic. `dismiss` closes a dead letter without "
        "processing it. A dead letter that was replayed or dismissed cannot be changed. A mended message is "
        "replayed by another person, in the administration unless LEDGER_SHELL_APPROVES is set."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listed = actions.add_parser("list", help="list the open dead letters, one per line, oldest first")
        listed.add_argument("--all", action="store_true", help="include replayed and dismissed ones")
        shown = actions.add_parser("show", help="print the message, as it would be replayed, as JSON")
        mended = actions.add_parser("mend", help="store a corrected message to be replayed")
        mended.add_argument("--file", required=True, help="JSON as `show` prints it; - for standard input")
        replayed = actions.add_parser("replay", help="process the message again")
        dismissed = actions.add_parser("dismiss", help="close a dead letter without processing it")
        for action in (shown, mended, replayed, dismissed):
            action.add_argument("letter", type=int, help="its number in the list")
        for action in (mended, replayed, dismissed):
            people.add_person(action)
        mended.add_argument("--why", default="", help="the reason; kept in the history")
        dismissed.add_argument("--why", required=True, help="the reason; kept in the history")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['action']}")(options)
        except LedgerError as error:
            raise CommandError(f"{error.code}: {error.message}") from error

    def _actor(self, options: dict[str, Any]) -> str:
        person = people.find_administrator(options["person"])
        if not person.has_perm("events.change_deadletter"):
            raise CommandError(
                f"forbidden: {options['person']} may not change dead letters", returncode=people.REFUSED
            )
        return actor_of(person)

    def _list(self, options: dict[str, Any]) -> None:
        rows = DeadLetter.objects.order_by("id")
        for found in rows if options["all"] else rows.filter(state=DeadLetter.State.OPEN):
            self.stdout.write(
                f"{found.pk}  {found.state}  {found.topic}[{found.partition}]@{found.offset}  "
                f"{dead_letter_store.full_reason(found.code, found.reason)}"
            )

    def _show(self, options: dict[str, Any]) -> None:
        with connection.cursor() as cursor:
            found = dead_letter_store.read(cursor, options["letter"])
        if found is None:
            raise CommandError(f"there is no dead letter {options['letter']}")
        message = found.message
        shown = {
            "key": to_text(message.key),
            "headers": json.loads(headers_to_text(message.headers)),
            "value": to_text(message.value),
        }
        self.stdout.write(json.dumps(shown, indent=2, ensure_ascii=False))
        self.stderr.write(f"{found.state}: {dead_letter_store.full_reason(found.code, found.reason)}")
        for act in LetterAct.objects.filter(letter=found.id):
            why = f": {act.words}" if act.words else ""
            self.stderr.write(f"{act.at:%Y-%m-%d %H:%M:%S}Z {act.kind} by {act.actor}{why}")

    def _mend(self, options: dict[str, Any]) -> None:
        path = options["file"]
        written = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
        try:
            shown = json.loads(written)
            mended: dict[str, Any] = {
                "key": from_text(shown["key"]),
                "headers": headers_from_text(json.dumps(shown["headers"])),
                "value": from_text(shown["value"]),
            }
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise CommandError(f"{path} is not JSON as `show` prints it: {error}") from error
        actor = self._actor(options)
        dead_letters.mend(dead_letter=options["letter"], actor=actor, words=options["why"], **mended)
        say(self.stdout, f"dead letter {options['letter']} is mended")

    def _replay(self, options: dict[str, Any]) -> None:
        actor = self._actor(options)
        with connection.cursor() as cursor:
            read = dead_letter_store.read(cursor, options["letter"])
        mend = None if read is None else read.mend
        if mend is not None:
            people.check_may_approve()
        tally = dead_letters.replay(dead_letter=options["letter"], actor=actor, mend=mend)
        if tally["parked"]:
            with connection.cursor() as cursor:
                found = dead_letter_store.read(cursor, options["letter"])
            raise CommandError(
                f"it failed again: {found and dead_letter_store.full_reason(found.code, found.reason)}"
            )
        say(self.stdout, f"dead letter {options['letter']} is replayed: {', '.join(sorted(tally))}")

    def _dismiss(self, options: dict[str, Any]) -> None:
        actor = self._actor(options)
        dead_letters.dismiss(dead_letter=options["letter"], actor=actor, words=options["why"])
        say(self.stdout, f"dead letter {options['letter']} is dismissed")

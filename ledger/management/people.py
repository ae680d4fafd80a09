"""The parts that commands run by a person share: their name, the idempotency key, posting, the answer."""

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from pydantic import BaseModel

from easyautoml_ledger.errors import ContractError
from events.identifiers import uuid7
from events.message import StoredEvent
from ledger.domain.errors import LedgerError
from ledger.engine.posting import post, quote
from ledger.engine.submission import Sender
from ledger.management.output import say
from ledger.requests.body import read_as
from ledger.requests.four_eyes import actor_of, principal_of
from ledger.requests.request import Request, submission_of
from models.user import User

SOURCE: Final = "/ledger/command-line"
REFUSED: Final = 2
"""The exit status of a command that the ledger refused."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add `--as`, `--key` and `--dry-run`."""
    add_person(parser)
    parser.add_argument("--key", help="idempotency key: repeated runs with the same key take effect once")
    parser.add_argument("--dry-run", action="store_true", help="show what would happen, and write nothing")


def add_person(parser: ArgumentParser) -> None:
    """Add `--as`."""
    parser.add_argument(
        "--as",
        dest="person",
        required=True,
        metavar="EMAIL",
        help="act as this administrator: their email or id",
    )


def find_administrator(text: str) -> User:
    """Return the administrator with this email or id. Raises `CommandError`."""
    named = User.objects.filter(pk=int(text)) if text.isdecimal() else User.objects.with_address(text)
    person: User | None = named.filter(is_active=True, is_staff=True).first()
    if person is None:
        raise CommandError(f"{text} is not an administrator", returncode=REFUSED)
    return person


def find_user(text: str) -> int:
    """Return the id of the user with this email or id. Raises `CommandError`."""
    if text.isdecimal():
        return int(text)
    found: int | None = User.objects.with_address(text).values_list("pk", flat=True).first()
    if found is None:
        raise CommandError(f"there is no user {text}", returncode=REFUSED)
    return found


def check_may_approve() -> None:
    """Raise `CommandError` unless the settings allow the shell to approve what another person made.

    A shell cannot tell two people apart: `--as` takes any administrator.
    """
    if not settings.ENVIRONMENT.shell_approves:
        raise CommandError(
            "forbidden: approve it in the administration, or set LEDGER_SHELL_APPROVES", returncode=REFUSED
        )


def post_as(
    command: BaseCommand,
    person: User,
    request: Request[Any],
    values: Mapping[str, Any],
    options: Mapping[str, Any],
) -> None:
    """Post a request of this person and print its event, or only quote it with `--dry-run`.

    `values` are the fields of its message, as over HTTP; those that are None are left out. The key is printed
    before anything is posted, to standard error: with `--key` the command can be repeated, whatever became of
    the first run. Raises `CommandError`, whose message begins with the error's code.
    """
    message = _read(request, values)
    key = options["key"] or uuid7()
    if not options["dry_run"]:
        command.stderr.write(f"key: {key}", lambda text: text)
        command.stderr.flush()
    say(command.stdout, _describe(_post(person, request, message, key, options), options))


def _read(request: Request[Any], values: Mapping[str, Any]) -> BaseModel:
    given = {name: value for name, value in values.items() if value is not None}
    try:
        message: BaseModel = read_as(request.message, given)
    except ContractError as error:
        raise _refused(
            error.code, f"{error.field}: {error.message}" if error.field else error.message
        ) from None
    return message


def _post(
    person: User, request: Request[Any], message: BaseModel, key: str, options: Mapping[str, Any]
) -> StoredEvent:
    sender = Sender(
        source=SOURCE,
        request_id=key,
        received_at=timezone.now(),
        actor=actor_of(person),
        principal=principal_of(person),
        refuse_early=True,
    )
    submission = submission_of(request, message, sender)
    try:
        outcome = quote(submission) if options["dry_run"] else post([submission])[0]
        outcome.raise_rejection()
    except LedgerError as error:
        raise _refused(error.code, error.message) from None
    if outcome.error is not None or outcome.event is None:
        refusal = outcome.error or LedgerError("the ledger gave no answer")
        raise _refused(refusal.code, refusal.message)
    return outcome.event


def _describe(event: StoredEvent, options: Mapping[str, Any]) -> str:
    """Return the lines to print: the event and its id, then its transfers."""
    if options["dry_run"]:
        lines = [f"would be {event.type.replace('.', ' ')}"]
    elif event.type == "proposal.made":
        lines = [f"proposed: {event.id} waits for a second person"]
    else:
        lines = [f"{event.type.replace('.', ' ')}: {event.id}"]
    lines += [
        f"  {transfer['debit']} → {transfer['credit']}  {transfer['amount']} {transfer['currency']}"
        for transfer in event.data.get("transfers", ())
    ]
    return "\n".join(lines)


def _refused(code: str, message: str) -> CommandError:
    return CommandError(f"{code}: {message}", returncode=REFUSED)

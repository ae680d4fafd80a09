"""`manage.py api_key create|list|revoke`: manages the API keys of services and users."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ledger.domain.errors import Invalid
from ledger.keys import create_key
from ledger.management import people
from ledger.models import ApiKey


class Command(BaseCommand):
    help = "Create an API key for a service (--source) or a user (--user), list the keys, or revoke one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="create a key; its secret is shown once")
        create.add_argument("--name", required=True, help="the name of the key in lists")
        create.add_argument(
            "--scope",
            action="append",
            choices=ApiKey.Scope.values,
            help="what the key may do; may be repeated (default: ledger:read)",
        )
        owner = create.add_mutually_exclusive_group(required=True)
        owner.add_argument("--source", help="the source that the key may send as: /services/training")
        owner.add_argument("--user", help="the email or id of the user whose own data the key may read")
        create.add_argument(
            "--as", dest="person", metavar="EMAIL", help="the administrator who makes it: their email or id"
        )
        actions.add_parser("list", help="list all keys, without their secrets")
        revoke = actions.add_parser("revoke", help="make a key invalid")
        revoke.add_argument("prefix", help="the eight characters after `ledger_`")

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        match options["action"]:
            case "create":
                self._create(options)
            case "list":
                self._list()
            case _:
                self._revoke(options["prefix"])

    def _create(self, options: dict[str, Any]) -> None:
        maker = None if options["person"] is None else people.find_administrator(options["person"])
        user = None if options["user"] is None else people.find_user(options["user"])
        try:
            key = create_key(
                name=options["name"],
                scopes=options["scope"] or [ApiKey.Scope.READ],
                source=options["source"],
                user_id=user,
                made_by=None if maker is None else maker.pk,
            )
        except Invalid as error:
            raise CommandError(error.message) from None
        self.stdout.write(f"{key} (shown once)")

    def _list(self) -> None:
        for key in ApiKey.objects.all():
            owner = key.source or f"user {key.user_id}"
            state = "valid" if key.revoked_at is None else f"revoked {key.revoked_at:%Y-%m-%d}"
            self.stdout.write(f"{key.prefix}  {state}  {owner}  {' '.join(key.scopes)}  {key.name}")

    def _revoke(self, prefix: str) -> None:
        if not ApiKey.objects.filter(prefix=prefix, revoked_at=None).update(revoked_at=timezone.now()):
            raise CommandError(f"there is no valid key {prefix}")
        self.stdout.write(f"revoked {prefix}")

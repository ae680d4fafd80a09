"""`manage.py api_key create|list|revoke`: the keys of services and users."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ledger.keys import create_key
from ledger.models import ApiKey


class Command(BaseCommand):
    """Makes keys, shown once, lists them and revokes them."""

    help = "Makes an API key of a service (--source) or of a user (--user), lists the keys, or revokes one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a key; its secret is shown once")
        create.add_argument("--name", required=True, help="what the key is called in lists")
        create.add_argument(
            "--scope",
            action="append",
            choices=ApiKey.Scope.values,
            help="what it may do, can be given again (default: ledger:read)",
        )
        owner = create.add_mutually_exclusive_group(required=True)
        owner.add_argument("--source", help="the one source that it speaks as: /services/training")
        owner.add_argument("--user", type=int, help="the id of the user who sees what is his with it")
        actions.add_parser("list", help="show every key, without its secret")
        revoke = actions.add_parser("revoke", help="make a key worthless")
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
        key = create_key(
            name=options["name"],
            scopes=options["scope"] or [ApiKey.Scope.READ],
            source=options["source"],
            user_id=options["user"],
        )
        self.stdout.write(f"{key} (shown once)")

    def _list(self) -> None:
        for key in ApiKey.objects.all():
            of = key.source or f"user {key.user_id}"
            state = "valid" if key.revoked_at is None else f"revoked {key.revoked_at:%Y-%m-%d}"
            self.stdout.write(f"{key.prefix}  {state}  {of}  {' '.join(key.scopes)}  {key.name}")

    def _revoke(self, prefix: str) -> None:
        if not ApiKey.objects.filter(prefix=prefix, revoked_at=None).update(revoked_at=timezone.now()):
            raise CommandError(f"there is no valid key {prefix}")
        self.stdout.write(f"revoked {prefix}")

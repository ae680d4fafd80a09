"""`manage.py setup`: prepares a database and the topics for the service."""

import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from ledger.keys import create_key
from ledger.models import ApiKey

_ADMIN = "admin@ledger.local"
_SOURCES = ("/services/training", "/services/marketplace", "/services/platform")


class Command(BaseCommand):
    help = (
        "Migrate the database (as DATABASE_OWNER_URL if set), grant the service's role what it needs, and "
        "create the topics, the first administrator and a key for each publisher. The password and the "
        "keys are printed once; running it again changes nothing."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        owner = "owner" in settings.DATABASES
        if not owner:
            self.stderr.write(
                "warning: DATABASE_OWNER_URL is not set, so the service's own role owns the tables and could "
                "disable their protection",
            )
        call_command("migrate", database="owner" if owner else "default", interactive=False, verbosity=0)
        self.stdout.write("database: migrated")
        self._make_admin()
        self._make_keys()
        self._make_topics()

    def _make_admin(self) -> None:
        users = get_user_model().objects
        if users.filter(is_superuser=True).exists():
            return
        password = secrets.token_urlsafe(12)
        users.create_superuser(_ADMIN, password, first_name="Ledger", last_name="Administrator")
        self.stdout.write(f"administrator: {_ADMIN} password: {password} (shown once)")

    def _make_keys(self) -> None:
        if ApiKey.objects.exists():
            return
        for source in _SOURCES:
            key = create_key(
                name=source.rpartition("/")[2],
                source=source,
                scopes=[ApiKey.Scope.READ, ApiKey.Scope.WRITE],
            )
            self.stdout.write(f"publisher key of {source}: {key} (shown once)")

    def _make_topics(self) -> None:
        if "kafka_bootstrap_servers" not in settings.ENVIRONMENT.model_fields_set:
            return
        try:
            call_command("topics", stdout=self.stdout, stderr=self.stderr)
        except CommandError as error:
            # The ledger also records operations without a broker, and the workers wait for the topics.
            self.stderr.write(f"warning: {error}")

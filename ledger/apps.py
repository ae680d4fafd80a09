"""The configuration of the app `ledger`."""

from typing import Any

from django.apps import AppConfig
from django.db import connections, transaction
from django.db.models.signals import post_migrate


class LedgerConfig(AppConfig):
    """The write side: decides commands and records them."""

    name = "ledger"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Ledger"

    def ready(self) -> None:
        """Prepare a database for operations after each migration, and in tests after each flush."""
        post_migrate.connect(_install, sender=self, dispatch_uid="ledger.install")


def _install(*, using: str, **_: Any) -> None:
    from ledger.install import grant, install, service_role

    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(
            "select to_regclass('ledger_api_key') is not null and to_regclass('events_event') is not null"
        )
        if not cursor.fetchone()[0]:
            return  # migrated back to before the ledger's tables
        install(cursor)
        if using == "owner" and (role := service_role()) is not None:
            grant(cursor, role)

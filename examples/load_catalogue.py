"""Enters the sample catalogue, or a part of it, into the ledger's copies of users and machines.

    python -m examples.load_catalogue start|joining|repriced

Runs with the service's settings, as `manage.py` does. The ledger needs to know a user or a machine before
it can charge for it; an operation that comes earlier waits.
"""

import os
import sys
from collections.abc import Iterable
from typing import Final

from django.db import transaction

import models
from easyautoml_ledger import reference
from examples.catalogue import Consulting, read_catalogue

_COLUMNS: Final = (
    "machine_name",
    "dfr_columns_type_user_df",
    "machine_data_source_is_public",
    "machine_data_source_price_usd",
    "machine_api_solving_is_public",
    "machine_api_solving_price_usd",
    "machine_copy_price_usd",
    "machine_copy_update_price_usd",
)


def main(part: str) -> None:
    """Enter `start`, `joining` or `repriced`, all of it or nothing."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    catalogue = read_catalogue()
    users, machines = {
        "start": (catalogue.users, catalogue.machines),
        "joining": (catalogue.users_joining_later, catalogue.machines_joining_later),
        "repriced": ((), catalogue.repriced),
    }[part]
    user_rows = models.User.objects  # the first name that is asked for sets Django up
    with transaction.atomic():
        for user in users:
            user_rows.create_user(
                user.email, id=user.id, first_name=user.first_name, last_name=user.last_name
            )
        _enter(machines)
        if part == "start":
            _ask(catalogue.consulting)


def _enter(machines: Iterable[reference.Machine]) -> None:
    for machine in machines:
        models.Machine(
            id=machine.id,
            machine_owner_user_id=machine.machine_owner_user,
            **{column: getattr(machine, column) for column in _COLUMNS},
        ).save()


def _ask(requests: Iterable[Consulting]) -> None:
    for request in requests:
        asked = models.ConsultingRequest(
            id=request.id,
            user_id=request.client,
            category=request.category,
            description=request.description,
        )
        asked.save()
        consultant = models.User.objects.get(pk=request.consultant)
        asked.ask_consultant(consultant, amount_usd=request.amount_usd, delay_days=14)


if __name__ == "__main__":
    main(sys.argv[1])

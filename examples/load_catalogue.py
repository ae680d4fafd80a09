"""Loads a part of the sample catalogue into the tables of users and machines.

    python -m examples.load_catalogue start|joining|repriced

Runs like `manage.py`, with the settings of the ledger that `make run` has started, or with those of the
environment (`LEDGER_STATE_DIR`, or `DATABASE_URL` and the others). An operation waits until the ledger knows
its user and machine.
"""

import os
import sys
from collections.abc import Iterable
from typing import Final

from django.db import transaction

import models
from easyautoml_ledger import reference
from examples.catalogue import Consulting, read_catalogue
from stack.state import running_environment

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
    """Load the part `start`, `joining` or `repriced` in one transaction."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if "DATABASE_URL" not in os.environ:
        for name, value in running_environment(os.environ).items():
            os.environ.setdefault(name, value)
    catalogue = read_catalogue()
    users, machines = {
        "start": (catalogue.users, catalogue.machines),
        "joining": (catalogue.users_joining_later, catalogue.machines_joining_later),
        "repriced": ((), catalogue.repriced),
    }[part]
    user_rows = models.User.objects  # the first access sets Django up
    with transaction.atomic():
        for user in users:
            user_rows.create_user(
                user.email, id=user.id, first_name=user.first_name, last_name=user.last_name
            )
        _save_machines(machines)
        if part == "start":
            _save_consulting_requests(catalogue.consulting)


def _save_machines(machines: Iterable[reference.Machine]) -> None:
    for machine in machines:
        models.Machine(
            id=machine.id,
            machine_owner_user_id=machine.machine_owner_user,
            **{column: getattr(machine, column) for column in _COLUMNS},
        ).save()


def _save_consulting_requests(requests: Iterable[Consulting]) -> None:
    for request in requests:
        consulting_request = models.ConsultingRequest(
            id=request.id,
            user_id=request.client,
            category=request.category,
            description=request.description,
        )
        consulting_request.save()
        consultant = models.User.objects.get(pk=request.consultant)
        consulting_request.ask_consultant(consultant, amount_usd=request.amount_usd, delay_days=14)


if __name__ == "__main__":
    main(sys.argv[1])

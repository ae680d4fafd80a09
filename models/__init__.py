"""The shared tables, importable by name: ``from models import User``.

Importing this package alone costs nothing: no Django module is loaded. The first access to a name
imports its table. In a bare interpreter it first sets Django up, with ``DJANGO_SETTINGS_MODULE`` or, if
that is unset, with ``models.settings``. While Django is loading its apps nothing is set up a second time,
so modules of other apps can import tables by name.
"""

import os
from importlib import import_module
from threading import RLock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.billing import Credit as Credit
    from models.billing import CreditIXIOO as CreditIXIOO
    from models.billing import Debit as Debit
    from models.billing import DebitIXIOO as DebitIXIOO
    from models.billing import Entry as Entry
    from models.billing import Operation as Operation
    from models.consulting import ConsultingRequest as ConsultingRequest
    from models.data_lines_operation import DataLinesOperation as DataLinesOperation
    from models.encdec_configuration import EncDecConfiguration as EncDecConfiguration
    from models.errors import ImmutableRecord as ImmutableRecord
    from models.errors import LedgerNotInstalled as LedgerNotInstalled
    from models.graph import Graph as Graph
    from models.logger import EasyAutoMLLogger as EasyAutoMLLogger
    from models.machine import Machine as Machine
    from models.machine_billing import Billing as Billing
    from models.machine_table_lock_write import MachineTableLockWrite as MachineTableLockWrite
    from models.nn_model import NNModel as NNModel
    from models.server import Server as Server
    from models.team import Team as Team
    from models.team import TeamInvitationAcceptance as TeamInvitationAcceptance
    from models.user import User as User
    from models.user import UserManager as UserManager
    from models.work import Work as Work

_MODULE_OF = {
    "Billing": "machine_billing",
    "ConsultingRequest": "consulting",
    "Credit": "billing",
    "CreditIXIOO": "billing",
    "DataLinesOperation": "data_lines_operation",
    "Debit": "billing",
    "DebitIXIOO": "billing",
    "EasyAutoMLLogger": "logger",
    "EncDecConfiguration": "encdec_configuration",
    "Entry": "billing",
    "Graph": "graph",
    "ImmutableRecord": "errors",
    "LedgerNotInstalled": "errors",
    "Machine": "machine",
    "MachineTableLockWrite": "machine_table_lock_write",
    "NNModel": "nn_model",
    "Operation": "billing",
    "Server": "server",
    "Team": "team",
    "TeamInvitationAcceptance": "team",
    "User": "user",
    "UserManager": "user",
    "Work": "work",
}

__all__ = [  # noqa: PLE0604 - the names are strings; ruff cannot see through the unpacking
    *_MODULE_OF
]

_setting_up = RLock()


if not TYPE_CHECKING:  # type checkers see the names above, and no others

    def __getattr__(name: str) -> object:
        """Return the table with this name.

        Raises:
            AttributeError: there is none.
        """
        module = _MODULE_OF.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        _set_django_up()
        return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})


def _set_django_up() -> None:
    # Imported here, because importing the package must not import Django.
    from django.apps import apps

    # Other threads wait until the first one is done; the thread that loads the apps can enter again.
    with _setting_up:
        if not apps.ready and not apps.loading:
            import django

            os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"{__name__}.settings")
            django.setup()

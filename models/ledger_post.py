"""The port to the ledger: everything that is posted through these tables goes through it.

The setting ``LEDGER_POST`` is the dotted path of a module with the functions of ``LedgerPost``. The ledger
imports the tables, so the tables cannot import the ledger, and the settings name it.
"""

from decimal import Decimal
from importlib import import_module
from typing import Protocol, cast
from uuid import UUID

from django.conf import settings

from models.errors import LedgerNotInstalled


class LedgerPost(Protocol):
    """The functions of the module that ``LEDGER_POST`` names."""

    def record_operation(
        self,
        *,
        kind: str,
        operation_user_id: int,
        machine_id: int | None,
        count_of_lines: int | None,
        count_of_training_epoch: int | None,
        amount: Decimal | None,
    ) -> UUID:
        """Record an operation and return its id; raise if it was rejected."""
        ...

    def post_entry(self, *, user_id: int, side: str, currency: str, amount: Decimal) -> int:
        """Post a manual adjustment and return the id of the user's entry."""
        ...

    def link_entries(self, *, operation_id: UUID, links: dict[str, int]) -> None:
        """Fill empty links of an operation; ``links`` maps their names (``credit``, ...) to entry ids."""
        ...

    def move_contract(self, *, contract_id: int, step: str, amount: Decimal | None) -> None:
        """Sign, finish, split or cancel the contract of a consulting request.

        ``step`` is ``contract``, ``finish``, ``split`` or ``cancel``; only a split has an amount. Moves the
        money and sets the status in one transaction. Raises if the step was rejected.
        """
        ...

    def close_user(self, *, user_id: int) -> None:
        """Close the user's accounts; raise if one of them has a balance."""
        ...

    def note_deleted_machines(self, *, machine_ids: list[int]) -> None:
        """Note that the machines are being deleted. Their rows are locked, and the ids ascend."""
        ...


def ledger(action: str) -> LedgerPost:
    """Return the module that posts; ``action`` names the attempt in the error message.

    Raises:
        LedgerNotInstalled: the settings name none.
    """
    path: str | None = getattr(settings, "LEDGER_POST", None)
    if not path:
        raise LedgerNotInstalled(action)
    return cast("LedgerPost", import_module(path))


def is_installed() -> bool:
    """Return whether the settings name a module that posts."""
    return bool(getattr(settings, "LEDGER_POST", None))

"""The door to the ledger: whatever is posted through these tables goes through here.

The setting ``LEDGER_POST`` is the dotted path of a module with the functions of
``LedgerPost``. The tables stand below the ledger and must not import it, so the settings
name it.
"""

from decimal import Decimal
from importlib import import_module
from typing import Protocol, cast
from uuid import UUID

from django.conf import settings

from models.errors import LedgerNotInstalled


class LedgerPost(Protocol):
    """What the module behind ``LEDGER_POST`` offers."""

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
        """The id of the recorded operation; raises when it was rejected."""
        ...

    def post_entry(self, *, user_id: int, side: str, currency: str, amount: Decimal) -> int:
        """The id of the user's entry of a manual adjustment."""
        ...

    def link_entries(self, *, operation_id: UUID, links: dict[str, int]) -> None:
        """Fill empty links (``credit``, ...) of an operation with entry ids."""
        ...

    def move_contract(self, *, contract_id: int, step: str, amount: Decimal | None) -> None:
        """Sign, finish, split or cancel the contract of a consulting request, and set its status.

        The money and the status move in one transaction. Raises when it was rejected.
        """
        ...

    def close_user(self, *, user_id: int) -> None:
        """Close the user's accounts; raises if anything is on one."""
        ...


def ledger(action: str) -> LedgerPost:
    """The module that posts.

    Raises:
        LedgerNotInstalled: the settings name none.
    """
    path: str | None = getattr(settings, "LEDGER_POST", None)
    if not path:
        raise LedgerNotInstalled(action)
    return cast("LedgerPost", import_module(path))


def is_installed() -> bool:
    """Whether the settings name a module that posts."""
    return bool(getattr(settings, "LEDGER_POST", None))

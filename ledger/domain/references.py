"""What commands refer to, as values: known users, machines' terms, tariffs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ledger.domain.errors import Undecided
from ledger.domain.operations import MachineTerms
from ledger.domain.tariff import Tariff, in_force


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What a batch of commands refers to, as it stands now."""

    users: frozenset[int]
    machines: Mapping[int, Sequence[MachineTerms]]
    """Per machine its terms in the order they took effect, as far back as the batch needs."""
    tariffs: Sequence[Tariff]

    def require_user(self, user: int, *, field: str) -> None:
        """Raises `Undecided` unless the user is known."""
        if user not in self.users:
            raise Undecided(f"user {user} is not known yet", field=field, waits_for=f"user:{user}")

    def machine(self, machine: int, at: datetime) -> MachineTerms:
        """The machine's terms at a time. Raises `Undecided` if it is not known."""
        versions = self.machines.get(machine)
        if not versions:
            raise Undecided(
                f"machine {machine} is not known yet",
                field="machine",
                waits_for=f"machine:{machine}",
            )
        return next((terms for terms in reversed(versions) if terms.effective_from <= at), versions[0])

    def tariff(self, at: datetime) -> Tariff:
        """The tariff in force at a time. Raises `UnknownTariff`."""
        return in_force(self.tariffs, at)

"""What commands refer to, as values: known users, machines' terms, tariffs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ledger.domain.consulting import Contract, Offer
from ledger.domain.errors import (
    ContractUnknown,
    ProposalUnknown,
    Undecided,
    UnknownOperation,
    UnknownTeam,
)
from ledger.domain.holds import Hold
from ledger.domain.operations import MachineTerms
from ledger.domain.payment_references import PaymentReference
from ledger.domain.payouts import Payout
from ledger.domain.proposals import Proposal, Subject
from ledger.domain.reversals import Original
from ledger.domain.tariff import Override, Tariff, in_force, with_overrides

WAITING_DIGEST_LENGTH: Final = 40
"""Of a payment's digest: no two payments share so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a batch of commands refers to, as it stands now."""

    users: frozenset[int]
    machines: Mapping[int, Sequence[MachineTerms]]
    """Per machine its terms in the order they took effect, as far back as the batch needs."""
    tariffs: Sequence[Tariff]
    holds: Mapping[str, Hold] = field(default_factory=dict)
    originals: Mapping[str, Original] = field(default_factory=dict)
    proposals: Mapping[str, Proposal] = field(default_factory=dict)
    payouts: Mapping[str, Payout] = field(default_factory=dict)
    payments: Mapping[str, PaymentReference] = field(default_factory=dict)
    offers: Mapping[int, Offer] = field(default_factory=dict)
    contracts: Mapping[int, Contract] = field(default_factory=dict)
    teams: frozenset[int] = frozenset()
    """Of the teams that are named, those that there are."""
    overrides: Mapping[int, Sequence[Override]] = field(default_factory=dict)
    """Per user who has any his own and his teams' overrides, in the order they took effect."""

    def require_user(self, user: int, *, field: str = "operation_user") -> None:
        """Raises `Undecided` unless the user is known. `field` is what named him."""
        if user not in self.users:
            raise Undecided(f"user {user} is not known yet", field=field, waits_for=f"user:{user}")

    def require_team(self, team: int) -> None:
        """Raises `UnknownTeam` unless there is the team."""
        if team not in self.teams:
            raise UnknownTeam("there is no such team", field="team", team=team)

    def hold(self, hold: str) -> Hold:
        """A hold that was placed. Raises `Undecided` for one that was not, yet."""
        found = self.holds.get(hold)
        if found is None:
            raise Undecided(f"hold {hold} is not known yet", field="hold", waits_for=f"hold:{hold}")
        return found

    def payment(self, digest: str) -> str:
        """The operation that recorded a provider's payment. Raises `Undecided` for one that is not known."""
        found = self.payments.get(digest)
        if found is None:
            raise Undecided(
                "no payment of this reference is known yet",
                field="payment_reference",
                waits_for=f"payment:{digest[:WAITING_DIGEST_LENGTH]}",
            )
        return found.operation

    def offer(self, request: int) -> Offer:
        """A consulting request. Raises `ContractUnknown`."""
        found = self.offers.get(request)
        if found is None:
            raise ContractUnknown("there is no such consulting request", contract=request)
        return found

    def contract(self, contract: int) -> Contract:
        """A contract that was signed. Raises `ContractUnknown`."""
        found = self.contracts.get(contract)
        if found is None:
            raise ContractUnknown("no such contract was signed", contract=contract)
        return found

    def payout(self, payout: str) -> Payout:
        """A payout that was requested. Raises `Undecided` for one that was not, yet."""
        found = self.payouts.get(payout)
        if found is None:
            raise Undecided(f"payout {payout} is not known yet", field="payout", waits_for=f"payout:{payout}")
        return found

    def proposal(self, proposal: str, subject: Subject) -> Proposal:
        """A proposal that was made about a subject. Raises `ProposalUnknown`."""
        found = self.proposals.get(proposal)
        if found is None or found.subject != subject:
            raise ProposalUnknown("there is no such proposal", proposal=proposal)
        return found

    def original(self, operation: str) -> Original:
        """An operation that was recorded. Raises `UnknownOperation`."""
        found = self.originals.get(operation)
        if found is None:
            raise UnknownOperation("there is no such operation", operation=operation)
        return found

    def machine(self, machine: int, at: datetime) -> MachineTerms:
        """The machine's terms at a time. Raises `Undecided` if it is not known."""
        versions = self.machines.get(machine)
        if not versions:
            raise Undecided(
                f"machine {machine} is not known yet",
                field="machine",
                waits_for=f"machine:{machine}",
            )
        for terms in reversed(versions):
            if terms.effective_from <= at:
                return terms
        return versions[0]

    def tariff(self, at: datetime, user: int | None = None) -> Tariff:
        """The tariff in force at a time, for everybody or for a user. Raises `UnknownTariff`."""
        tariff = in_force(self.tariffs, at)
        overrides = None if user is None else self.overrides.get(user)
        return tariff if overrides is None else with_overrides(tariff, overrides, at)

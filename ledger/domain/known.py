"""The things that commands refer to, as values: users, machines' terms, tariffs, holds and so on."""

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
    UserGone,
)
from ledger.domain.holds import Hold
from ledger.domain.operations import MachineTerms
from ledger.domain.payment_references import PaymentName, PaymentReference
from ledger.domain.payouts import Payout
from ledger.domain.proposals import Proposal, Subject
from ledger.domain.reversals import Original
from ledger.domain.tariff import Override, Tariff, in_force, with_overrides

WAITING_DIGEST_LENGTH: Final = 18
"""The first digits of a payment's digest, by which messages wait for it. No two payments share them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything that the commands of a batch refer to and that exists now."""

    users: frozenset[int]
    machines: Mapping[int, Sequence[MachineTerms]]
    """The terms of each machine in the order they took effect, as far back as the batch needs."""
    tariffs: Sequence[Tariff]
    holds: Mapping[str, Hold] = field(default_factory=dict)
    originals: Mapping[str, Original] = field(default_factory=dict)
    proposals: Mapping[str, Proposal] = field(default_factory=dict)
    payouts: Mapping[str, Payout] = field(default_factory=dict)
    payments: Mapping[str, PaymentReference] = field(default_factory=dict)
    offers: Mapping[int, Offer] = field(default_factory=dict)
    contracts: Mapping[int, Contract] = field(default_factory=dict)
    teams: frozenset[int] = frozenset()
    """The teams that exist, of those that are named."""
    overrides: Mapping[int, Sequence[Override]] = field(default_factory=dict)
    """The overrides of users and of their teams, by user, in the order they took effect."""

    def require_user(self, user: int, *, field: str = "operation_user") -> None:
        """Raise `Undecided` unless the user is known. `field` is the field that names the user."""
        if user not in self.users:
            raise Undecided(f"user {user} is not known yet", field=field, waits_for=f"user:{user}")

    def require_living(self, user: int, *, field: str) -> None:
        """Raise `UserGone` unless the user of something that is known exists. `field` is what names it."""
        if user not in self.users:
            raise UserGone(f"user {user} was deleted", field=field, user=user)

    def require_team(self, team: int) -> None:
        """Raise `UnknownTeam` unless the team exists."""
        if team not in self.teams:
            raise UnknownTeam("there is no such team", field="team", team=team)

    def hold(self, hold: str) -> Hold:
        """Return a hold that was placed. Raises `Undecided` if it was not placed yet."""
        found = self.holds.get(hold)
        if found is None:
            raise Undecided(f"hold {hold} is not known yet", field="hold", waits_for=f"hold:{hold}")
        return found

    def payment(self, name: PaymentName) -> str:
        """Return the operation that recorded a payment.

        Raises `Undecided` if there is none yet, and `AmbiguousPayment` if it may be one of several.
        """
        reference = self.payments.get(name.digest)
        found = None if reference is None else reference.found_by(name.provider)
        if found is None:
            raise Undecided(
                "no payment of this reference is known yet",
                field="payment_reference",
                waits_for=f"payment:{name.digest[:WAITING_DIGEST_LENGTH]}:{name.provider}",
            )
        return found

    def offer(self, request: int) -> Offer:
        """Return a consulting request. Raises `ContractUnknown`."""
        found = self.offers.get(request)
        if found is None:
            raise ContractUnknown("there is no such consulting request", contract=request)
        return found

    def contract(self, contract: int) -> Contract:
        """Return a contract that was signed. Raises `ContractUnknown`."""
        found = self.contracts.get(contract)
        if found is None:
            raise ContractUnknown("no such contract was signed", contract=contract)
        return found

    def payout(self, payout: str) -> Payout:
        """Return a payout that was requested. Raises `Undecided` if it was not requested yet."""
        found = self.payouts.get(payout)
        if found is None:
            raise Undecided(f"payout {payout} is not known yet", field="payout", waits_for=f"payout:{payout}")
        return found

    def proposal(self, proposal: str, subject: Subject) -> Proposal:
        """Return a proposal about a subject. Raises `ProposalUnknown`."""
        found = self.proposals.get(proposal)
        if found is None or found.subject != subject:
            raise ProposalUnknown("there is no such proposal", proposal=proposal)
        return found

    def original(self, operation: str) -> Original:
        """Return an operation that was recorded. Raises `UnknownOperation`."""
        found = self.originals.get(operation)
        if found is None:
            raise UnknownOperation("there is no such operation", operation=operation)
        return found

    def machine(self, machine: int, at: datetime) -> MachineTerms:
        """Return the machine's terms at a time. Raises `Undecided` if the machine is not known."""
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
        """Return the tariff in force at a time, for all users or for one. Raises `UnknownTariff`."""
        tariff = in_force(self.tariffs, at)
        overrides = None if user is None else self.overrides.get(user)
        return tariff if overrides is None else with_overrides(tariff, overrides, at)

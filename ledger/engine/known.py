"""Reads what commands refer to: known users, machines with their terms, tariffs, holds and more."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, assert_never

from events import store
from events.arrays import numbers
from events.pipeline import Statement, query, send_later
from ledger.domain.adjustments import Adjust, SetCreditLimit
from ledger.domain.approvals import ResolveProposal
from ledger.domain.closing import ChangePeriod
from ledger.domain.contracting import EndContract, SignContract
from ledger.domain.decide import OPERATION_TYPES, Command
from ledger.domain.granting import CreateCode, GrantCoupon, RedeemCode, WithdrawCode
from ledger.domain.holding import CaptureHold, PlaceHold, VoidHold
from ledger.domain.known import Known
from ledger.domain.opening import OpenBalances
from ledger.domain.operations import MachineTerms, RecordOperation
from ledger.domain.paying_out import ConfirmPayout, FailPayout, RequestPayout
from ledger.domain.payment_references import PaymentName
from ledger.domain.reversal_commands import ChargeBack, Reverse
from ledger.domain.reversals import Original
from ledger.domain.tariff_versions import ProposeTariff
from ledger.engine import consulting, kept_store, payment_references
from ledger.engine.tariffs import PUBLISHED, Published, read_overrides, tariffs_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A reading of what commands refer to, and of what else the engine needs to plan them."""

    known: Known
    closed_until: datetime | None
    """The time before which everything is closed; None if no period was ever closed."""
    without_accounts: frozenset[int]
    """The known users who have no accounts yet."""


def read_known(cursor: Any, commands: Iterable[Command], *, lock: bool) -> Reading:
    """Read what the commands refer to. With `lock`, lock the machines and consulting requests among it."""
    named = _names_in(commands)
    if lock and named.machines:
        send_later(cursor, _LOCK_MACHINES, numbers(named.machines))
    holds = kept_store.read_holds(cursor, named.holds) if named.holds else []
    payouts = kept_store.read_payouts(cursor, named.payouts) if named.payouts else []
    proposals = kept_store.read_proposals(cursor, named.proposals) if named.proposals else []
    offers = consulting.read_offers(cursor, named.requests, lock=lock) if named.requests else []
    contracts = kept_store.read_contracts(cursor, named.contracts) if named.contracts else []
    paid = payment_references.read(cursor, named.payments) if named.payments else []
    operations = named.operations.union(*(payment.payments.values() for payment in paid))
    originals = _originals(cursor, operations) if operations else {}
    users = named.users.union(
        (hold.user for hold in holds),
        (payout.user for payout in payouts),
        (user for offer in offers for user in (offer.client, offer.consultant) if user is not None),
        (user for contract in contracts for user in (contract.client, contract.consultant)),
        (each.user for each in proposals if each.user is not None),
        (user for original in originals.values() for user in original.users),
    )
    ((terms, known, without_accounts, closed_until, *published),) = query(
        cursor,
        _READ_REFERENCES,
        numbers(users),
        numbers(named.machines),
        min(named.times, default=None),
        max(named.times, default=None),
    )
    machines = _machine_terms(terms)
    owners = {version.owner for versions in machines.values() for version in versions}
    tariffs = Published(*published)
    return Reading(
        known=Known(
            users=frozenset(known),
            machines=machines,
            tariffs=tariffs_of(cursor, tariffs),
            overrides=read_overrides(cursor, tariffs, sorted(users | owners)),
            teams=_known_teams(cursor, named.teams) if named.teams else frozenset(),
            holds={hold.id: hold for hold in holds},
            payouts={payout.id: payout for payout in payouts},
            proposals={proposal.id: proposal for proposal in proposals},
            payments={payment.digest: payment for payment in paid},
            offers={offer.request: offer for offer in offers},
            contracts={contract.id: contract for contract in contracts},
            originals=originals,
        ),
        closed_until=closed_until,
        without_accounts=frozenset(without_accounts),
    )


@dataclass(slots=True)
class _Named:
    """The names of what commands refer to."""

    users: set[int] = field(default_factory=set)
    machines: set[int] = field(default_factory=set)
    times: list[datetime] = field(default_factory=list)
    """The times at which something occurred on a machine."""
    holds: set[str] = field(default_factory=set)
    payouts: set[str] = field(default_factory=set)
    proposals: set[str] = field(default_factory=set)
    teams: set[int] = field(default_factory=set)
    operations: set[str] = field(default_factory=set)
    requests: set[int] = field(default_factory=set)
    """Consulting requests whose contracts are to be signed."""
    contracts: set[int] = field(default_factory=set)
    payments: set[str] = field(default_factory=set)
    """Digests of payment references."""

    def add(self, other: "_Named") -> None:
        """Add the names of another command."""
        self.times += other.times
        for each in fields(self):
            if each.name != "times":
                getattr(self, each.name).update(getattr(other, each.name))


def _names_in(commands: Iterable[Command]) -> _Named:  # noqa: C901, PLR0912 (one case for each command)
    named = _Named()
    for command in commands:
        match command:
            case RecordOperation(hold=None) | PlaceHold():
                operation = command.estimate if isinstance(command, PlaceHold) else command
                named.users.add(operation.operation_user)
                if operation.machine is not None:
                    named.machines.add(operation.machine)
                    named.times.append(operation.occurred_at)
            case RecordOperation() | CaptureHold() | VoidHold():
                named.holds.add(str(command.hold))
            case ConfirmPayout() | FailPayout():
                named.payouts.add(command.payout)
            case SignContract():
                named.requests.add(command.contract)
            case EndContract():
                named.contracts.add(command.contract)
            case ResolveProposal():
                named.proposals.add(command.proposal)
                if command.proposed is not None:
                    named.add(_names_in([command.proposed]))
            case ChargeBack(payment=PaymentName() as payment):
                named.payments.add(payment.digest)
            case Reverse() | ChargeBack():
                named.operations.add(str(command.operation))
            case ProposeTariff():
                named.users |= set() if command.user is None else {command.user}
                named.teams |= set() if command.team is None else {command.team}
            case Adjust():
                named.users.add(command.user)
                named.operations |= set() if command.adjustment.about is None else {command.adjustment.about}
            case CreateCode() | WithdrawCode() | ChangePeriod():
                pass
            case OpenBalances() | SetCreditLimit() | GrantCoupon() | RedeemCode() | RequestPayout():
                named.users.add(command.user)
            case _:
                assert_never(command)
    return named


def hold_or_payout_of(command: Command) -> str | None:
    """Return the id of the hold that a command captures or voids, or of the payout that it ends."""
    match command:
        case RecordOperation(hold=None):
            return None
        case RecordOperation() | CaptureHold() | VoidHold():
            return str(command.hold)
        case ConfirmPayout() | FailPayout():
            return command.payout
        case _:
            return None


def _originals(cursor: Any, operations: set[str]) -> dict[str, Original]:
    found = store.get(cursor, list(operations))
    return {
        event.id: Original(id=event.id, type=event.type, data=event.data)
        for event in found.values()
        if event.type in OPERATION_TYPES
    }


def _known_teams(cursor: Any, teams: set[int]) -> frozenset[int]:
    cursor.execute("select id from models_team where id = any(%s::bigint[])", [numbers(teams)])
    return frozenset(team for (team,) in cursor.fetchall())


_LOCK_MACHINES: Final = Statement(
    "lock_machines",
    "select id from models_machine where id = any($1::bigint[]) order by id for key share",
)
# In the order of the columns of `terms` in the statement below.
_TERMS_FIELDS: Final = tuple(each.name for each in fields(MachineTerms))
_READ_REFERENCES: Final = Statement(
    "read_known",
    f"""with terms as materialized (
            select t.*
            from models_machine m
            -- The order by keeps the planner from merging this query: it runs for each machine.
            cross join lateral (
                select * from ledger_machine_terms of_one
                where of_one.machine_id = m.id and of_one.effective_from <= $4::timestamptz
                  and of_one.effective_from >= (
                      select max(f.effective_from) from ledger_machine_terms f
                      where f.machine_id = m.id and f.effective_from <= $3::timestamptz)
                order by of_one.effective_from, of_one.id) t
            where m.id = any($2::bigint[])),
        known as materialized (
            select id from models_user
            where id = any($1::bigint[] || array(select owner_id from terms)))
        select (select json_agg(json_build_array(
                           machine_id, effective_from, owner_id, columns, data_source_is_public,
                           data_source_price, api_solving_is_public, api_solving_price, copy_price,
                           copy_update_price) order by machine_id, effective_from, id)::text
                from terms),
               array(select id from known),
               array(select id from known
                     where (select a.id from ledger_account a where a.user_id = known.id limit 1) is null),
               ledger_closed_until(),
               {PUBLISHED}""",  # noqa: S608 (fixed columns)
)
"""Parameters: users, machines, and the first and last time at which something occurred on a machine."""


def _machine_terms(versions: str | None) -> dict[int, list[MachineTerms]]:
    found: dict[int, list[MachineTerms]] = {}
    for row in json.loads(versions or "[]", parse_float=Decimal):
        values = dict(zip(_TERMS_FIELDS, row, strict=True))
        values["effective_from"] = datetime.fromisoformat(values["effective_from"])
        terms = MachineTerms(**values)
        found.setdefault(terms.machine, []).append(terms)
    return found

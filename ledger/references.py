"""Reads what commands refer to: which users and machines are known, on what terms, the tariffs."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, assert_never

from events import store
from events.arrays import numbers
from ledger import state
from ledger.domain.adjustments import Adjust, SetCreditLimit
from ledger.domain.approving import ResolveProposal
from ledger.domain.closing import ChangePeriod
from ledger.domain.decide import OPERATION_TYPES, Command
from ledger.domain.granting import CreateCode, GrantCoupon, RedeemCode
from ledger.domain.holding import CaptureHold, PlaceHold, VoidHold
from ledger.domain.opening import OpenBalances
from ledger.domain.operations import MachineTerms, RecordOperation
from ledger.domain.paying_out import ConfirmPayout, FailPayout, RequestPayout
from ledger.domain.references import References
from ledger.domain.reversals import Original
from ledger.domain.reversing import Reverse
from ledger.domain.tariff import Tariff

_tariffs: dict[tuple[int, datetime], Tariff] = {}  # a published version never changes, so it is read once


def read_references(cursor: Any, commands: Iterable[Command], *, lock: bool) -> References:
    """Read what the commands refer to; with `lock`, keep the machines from being deleted."""
    users: set[int] = set()
    machines: set[int] = set()
    times: list[datetime] = []
    holds: set[str] = set()
    operations: set[str] = set()
    proposals: set[str] = set()
    payouts: set[str] = set()
    for command in commands:
        match command:
            case RecordOperation(hold=None) | PlaceHold():
                operation = command.estimate if isinstance(command, PlaceHold) else command
                users.add(operation.operation_user)
                if operation.machine is not None:
                    machines.add(operation.machine)
                    times.append(operation.occurred_at)
            case RecordOperation() | CaptureHold() | VoidHold():
                holds.add(str(command.hold))
            case Reverse():
                operations.add(command.operation)
            case ResolveProposal():
                proposals.add(command.proposal)
            case CreateCode() | ChangePeriod():
                pass
            case ConfirmPayout() | FailPayout():
                payouts.add(command.payout)
            case (
                OpenBalances() | Adjust() | SetCreditLimit() | GrantCoupon() | RedeemCode() | RequestPayout()
            ):
                users.add(command.user)
            case _:
                assert_never(command)
    terms = _machine_terms(cursor, machines, min(times), max(times), lock=lock) if machines else {}
    users.update(version.owner for versions in terms.values() for version in versions)
    found_holds = {hold.id: hold for hold in state.read_holds(cursor, holds)} if holds else {}
    users.update(hold.user for hold in found_holds.values())
    found_proposals = {each.id: each for each in state.read_proposals(cursor, proposals)} if proposals else {}
    users.update(each.user for each in found_proposals.values() if each.user is not None)
    found_payouts = {each.id: each for each in state.read_payouts(cursor, payouts)} if payouts else {}
    users.update(payout.user for payout in found_payouts.values())
    originals = _originals(cursor, operations) if operations else {}
    users.update(user for original in originals.values() for user in original.users)
    return References(
        users=_known_users(cursor, users) if users else frozenset(),
        machines=terms,
        tariffs=read_tariffs(cursor),
        holds=found_holds,
        proposals=found_proposals,
        payouts=found_payouts,
        originals=originals,
    )


def set_aside_for(command: Command) -> str | None:
    """The hold that a command captures or releases, or the payout that it says the end of."""
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


def read_tariffs(cursor: Any) -> list[Tariff]:
    """Every published tariff, in the order they take effect."""
    cursor.execute("select version, published_at from ledger_tariff order by effective_from, version")
    versions = cursor.fetchall()
    if any(version not in _tariffs for version in versions):
        cursor.execute("select version, published_at, effective_from, terms::text from ledger_tariff")
        for version, published_at, effective_from, terms in cursor.fetchall():
            _tariffs[version, published_at] = Tariff.from_terms(version, effective_from, json.loads(terms))
    return [_tariffs[version] for version in versions]


def _known_users(cursor: Any, users: set[int]) -> frozenset[int]:
    cursor.execute("select id from models_user where id = any(%s::bigint[])", [numbers(users)])
    return frozenset(row[0] for row in cursor.fetchall())


def _machine_terms(
    cursor: Any,
    machines: set[int],
    earliest: datetime,
    latest: datetime,
    *,
    lock: bool,
) -> dict[int, list[MachineTerms]]:
    if lock:
        cursor.execute(
            "select id from models_machine where id = any(%s::bigint[]) order by id for key share",
            [numbers(machines)],
        )
    cursor.execute(
        """select t.machine_id, t.effective_from, t.owner_id, t.columns,
                  t.data_source_is_public, t.data_source_price,
                  t.api_solving_is_public, t.api_solving_price, t.copy_price, t.copy_update_price
           from models_machine m
           join ledger_machine_terms t on t.machine_id = m.id
           where m.id = any(%(machines)s::bigint[]) and t.effective_from <= %(latest)s
             and t.effective_from >= (
                 select max(f.effective_from) from ledger_machine_terms f
                 where f.machine_id = m.id and f.effective_from <= %(earliest)s)
           order by t.machine_id, t.effective_from, t.id""",
        {"machines": numbers(machines), "earliest": earliest, "latest": latest},
    )
    found: dict[int, list[MachineTerms]] = {}
    for row in cursor.fetchall():
        terms = MachineTerms(
            machine=row[0],
            effective_from=row[1],
            owner=row[2],
            columns=row[3],
            data_source_is_public=row[4],
            data_source_price=row[5],
            api_solving_is_public=row[6],
            api_solving_price=row[7],
            copy_price=row[8],
            copy_update_price=row[9],
        )
        found.setdefault(terms.machine, []).append(terms)
    return found

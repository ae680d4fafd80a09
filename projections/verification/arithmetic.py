"""Checks that an event adds up: in itself, and with the events before it."""

from collections.abc import Mapping, MutableMapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from events.message import StoredEvent
from ledger.domain.chart import (
    ALLOWED_PAIRS,
    FAMILIES,
    PLATFORM_IDS,
    escrow_account,
    family_of,
    is_coupon_account,
    is_escrow,
    user_account,
)
from ledger.domain.decide import OPERATION_TYPES, REJECTION_TYPES
from ledger.domain.entries import increases
from ledger.domain.money import ZERO, text
from projections.account_replay import State
from projections.kept_state import KEPT
from projections.verification.findings import Findings
from projections.verification.keys import WITHOUT_KEY

_MAPPINGS: Final = frozenset({"accounts", "notes", "credit_limits", *KEPT})
_RARE: Final = frozenset({"holds", "payouts", "grants", "proposals", "contracts"})
"""Fields that most events lack. Checking for each of them would take a quarter of the time."""
_UNCHANGED: Final = (ZERO, 0)


def check_shape(event: StoredEvent) -> None:
    """Raise one of `BROKEN` unless the event has the fields of its type."""
    data = event.data
    _require(data, dict)
    _require(event.metadata, dict)
    for name in data.keys() & _MAPPINGS:
        _require(data[name], dict)
    if event.type in OPERATION_TYPES or event.type in REJECTION_TYPES:
        _require(data["accounts"], dict)
        _require(data["kind"], str)
        _require(data["transfers"], list)
    if event.type not in WITHOUT_KEY:
        _require(data["command"], dict)
    elif event.type == "operation.linked":
        _require(data["operation"], str)
        _require(data["links"], dict)
    if event.type == "tariff.published":
        _require(data["version"], int)
        _require(data["terms"], dict)
        datetime.fromisoformat(data["effective_from"])


def check_event(
    event: StoredEvent,
    states: Mapping[str, State],
    remaining: MutableMapping[str, Decimal],
    findings: Findings,
) -> None:
    """Check an event against the states before it, and advance those states.

    `states` has every account that the event names; `remaining` is what is left of grants, holds and payouts
    by id. Raises one of `BROKEN`.
    """
    data = event.data
    accounts = data.get("accounts", {})
    changes = _changes(event, findings) if data.get("transfers") else {}
    held: dict[str, Decimal] = {}
    if not data.keys().isdisjoint(_RARE) or any(map(_is_rare, changes)):
        held = {
            **_remaining(data.get("holds", {}), "eaml", remaining),
            **_remaining(data.get("payouts", {}), "usd", remaining),
        }
        _check_grants(event, changes, remaining, findings)
        _check_eyes(event, findings)
        _check_escrows(event, changes, remaining, findings)
    touched = {*changes, *held, *data.get("credit_limits", ())}
    for code in touched:
        if code not in accounts and (code in changes or states[code].version):
            expected = "its state after the event"
            findings.add(f"event {event.position}", f"accounts.{code}", expected=expected, found=None)
        if code in states:
            _touch(event, code, states[code], findings)
    for code, limit in data.get("credit_limits", {}).items():
        states[code].credit_limit = limit
    for code, stated in accounts.items():
        state = states[code]
        if code in touched or stated != state.stated:
            change, entries = changes.get(code, (ZERO, 0))
            _check_account(event, code, stated, state, (change, held.get(code, ZERO), entries), findings)


def _changes(event: StoredEvent, findings: Findings) -> dict[str, tuple[Decimal, int]]:
    """Return the change of each user's account by the transfers, and the number of entries."""
    data = event.data
    changes: dict[str, tuple[Decimal, int]] = {}
    if event.type not in OPERATION_TYPES:
        found = len(data["transfers"])
        findings.add(f"event {event.position}", "transfers", expected=f"none in {event.type}", found=found)
    for number, transfer in enumerate(data["transfers"], 1):
        debit, credit, amount = transfer["debit"], transfer["credit"], Decimal(transfer["amount"])
        if not amount > ZERO or not _may_meet(
            data["kind"], family_of(debit), family_of(credit), transfer["currency"]
        ):
            found_ = f"{amount} {transfer['currency']} from {debit} to {credit}"
            where, expected = f"event {event.position}", f"an amount and a pair of {data['kind']}"
            findings.add(where, f"transfers[{number}]", expected=expected, found=found_)
        if debit not in PLATFORM_IDS:
            change, entries = changes.get(debit, _UNCHANGED)
            changes[debit] = (change + amount if increases(debit, "D") else change - amount, entries + 1)
        if credit not in PLATFORM_IDS:
            change, entries = changes.get(credit, _UNCHANGED)
            changes[credit] = (change + amount if increases(credit, "C") else change - amount, entries + 1)
    return changes


def _is_rare(code: str) -> bool:
    """Return whether grants or a contract must change together with this account."""
    return is_coupon_account(code) or is_escrow(code)


def _check_grants(
    event: StoredEvent,
    changes: Mapping[str, tuple[Decimal, int]],
    remaining: MutableMapping[str, Decimal],
    findings: Findings,
) -> None:
    """Check that a user's grants change by the same amount as the coupon account."""
    granted = _remaining(event.data.get("grants", {}), "coupon", remaining)
    for code in granted.keys() | {code for code in changes if is_coupon_account(code)}:
        moved, kept = changes.get(code, _UNCHANGED)[0], granted.get(code, ZERO)
        if kept != moved:
            where = f"event {event.position}"
            findings.add(where, f"grants of {code}", expected=text(moved), found=text(kept))


def _check_eyes(event: StoredEvent, findings: Findings) -> None:
    """Check that the proposer and the approver are different people."""
    for key, proposal in event.data.get("proposals", {}).items():
        resolver = proposal["resolver"]
        if proposal["state"] == "approved" and resolver in {None, proposal["proposer"]}:
            where, expected = f"event {event.position}", f"a person other than {proposal['proposer']}"
            findings.add(where, f"proposals.{key}.resolver", expected=expected, found=resolver)


def _check_escrows(
    event: StoredEvent,
    changes: Mapping[str, tuple[Decimal, int]],
    remaining: MutableMapping[str, Decimal],
    findings: Findings,
) -> None:
    """Check that what remains of a contract changes by the same amount as its escrow."""
    kept: dict[str, Decimal] = {}
    for contract, after in event.data.get("contracts", {}).items():
        code, left = escrow_account(int(contract)), Decimal(after["remaining"])
        kept[code] = left - remaining.get(code, ZERO)
        remaining[code] = left
    for code in kept.keys() | {code for code in changes if is_escrow(code)}:
        moved, left = changes.get(code, _UNCHANGED)[0], kept.get(code, ZERO)
        if left != moved:
            where = f"event {event.position}"
            findings.add(where, f"contract of {code}", expected=text(moved), found=text(left))


def _remaining(
    kept: Mapping[str, Mapping[str, Any]],
    account: str,
    remaining: MutableMapping[str, Decimal],
) -> dict[str, Decimal]:
    """Return by account how much more is left of grants or holds than before."""
    changes: dict[str, Decimal] = {}
    for key, after in kept.items():
        code, left = user_account(after["user"], account), Decimal(after["remaining"])
        changes[code] = changes.get(code, ZERO) + left - remaining.get(key, ZERO)
        remaining[key] = left
    return changes


def _touch(event: StoredEvent, code: str, state: State, findings: Findings) -> None:
    if state.recorded_at is not None and event.recorded_at < state.recorded_at:
        expected = f"{state.recorded_at.isoformat()} or later, as {code}"
        found = event.recorded_at.isoformat()
        findings.add(f"event {event.position}", "recorded_at", expected=expected, found=found)
    state.position, state.recorded_at = event.position, event.recorded_at


def _check_account(
    event: StoredEvent,
    code: str,
    stated: Mapping[str, Any],
    state: State,
    change: tuple[Decimal, Decimal, int],
    findings: Findings,
) -> None:
    balance, held, version = Decimal(stated["balance"]), Decimal(stated["held"]), stated["version"]
    expected = (state.balance + change[0], state.held + change[1], state.version + change[2])
    if (balance, held, version) != expected or not ZERO <= held <= balance:
        where, what = f"event {event.position}", f"accounts.{code}"
        if balance != expected[0]:
            findings.add(where, f"{what}.balance", expected=text(expected[0]), found=stated["balance"])
        if held != expected[1]:
            findings.add(where, f"{what}.held", expected=text(expected[1]), found=stated["held"])
        if version != expected[2]:
            findings.add(where, f"{what}.version", expected=expected[2], found=version)
        if not ZERO <= held <= balance:
            findings.add(where, f"{what}.held", expected=f"0 to {text(balance)}", found=stated["held"])
    # Later events were posted from what this event says, so one wrong event is reported only once.
    state.balance, state.held, state.version, state.stated = balance, held, version, stated


def _require(value: object, type_: type) -> None:
    if not isinstance(value, type_):
        raise TypeError(f"{type(value).__name__} instead of {type_.__name__}")


@lru_cache(maxsize=1024)
def _may_meet(kind: str, debit: str, credit: str, currency: str) -> bool:
    debited, credited = FAMILIES.get(debit), FAMILIES.get(credit)
    if debited is None or credited is None:
        return False
    pair = (kind, debited.kind, credited.kind)
    return debited.currency == credited.currency == currency and pair in ALLOWED_PAIRS

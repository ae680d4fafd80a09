"""What an event says of itself and of what came before: does it add up?"""

from collections.abc import Mapping, MutableMapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from events.message import StoredEvent
from ledger.domain.chart import ALLOWED_PAIRS, PLATFORM_ACCOUNTS, PLATFORM_IDS, USER_ACCOUNTS, Side
from ledger.domain.decide import OPERATION_TYPES, REJECTION_TYPES
from ledger.domain.entries import increases
from ledger.domain.money import ZERO, text
from projections.states import State
from projections.verification.findings import Findings

BROKEN: Final = (KeyError, ValueError, TypeError, AttributeError, ArithmeticError)
"""What reading an event raises that is not what the ledger writes."""

_MAPPINGS: Final = ("accounts", "notes", "grants", "holds", "reversed", "codes", "credit_limits")
_OF_USER: Final = {account.name: (account.kind, account.currency) for account in USER_ACCOUNTS}
_OF_PLATFORM: Final = {account.code: (account.kind, account.currency) for account in PLATFORM_ACCOUNTS}


def check_shape(event: StoredEvent) -> None:
    """Raises one of `BROKEN` unless the event has the fields that its type has."""
    data = event.data
    for value in (data, event.metadata, *(data.get(name, {}) for name in _MAPPINGS)):
        _require(value, dict)
    _require(data.get("transfers", []), list)
    if event.type in OPERATION_TYPES or event.type in REJECTION_TYPES:
        for name, type_ in (("command", dict), ("accounts", dict), ("kind", str), ("transfers", list)):
            _require(data[name], type_)
    match event.type:
        case "operation.linked":
            _require(data["operation"], str)
            _require(data["links"], dict)
        case "tariff.published":
            _require(data["version"], int)
            _require(data["terms"], dict)
            datetime.fromisoformat(data["effective_from"])


def touched_codes(event: StoredEvent) -> set[str]:
    """The accounts that an event touched: by a transfer, by what is held, or by a credit limit."""
    data = event.data
    codes = {code for each in data.get("transfers", ()) for code in (each["debit"], each["credit"])}
    codes.update(f"user:{hold['user']}:eaml" for hold in data.get("holds", {}).values())
    codes.update(data.get("credit_limits", ()))
    return codes - PLATFORM_IDS.keys()


def check_event(
    event: StoredEvent,
    states: Mapping[str, State],
    remaining: MutableMapping[str, Decimal],
    findings: Findings,
) -> None:
    """Hold an event against what came before it, and move that to what the event says.

    `states` has every account that the event names or touches, `remaining` what is left of grants and
    holds by their ids. Raises one of `BROKEN`.
    """
    where, data = f"event {event.position}", event.data
    accounts = data.get("accounts", {})
    changes = _transfers(event, findings)
    held = _remaining(data.get("holds", {}), "eaml", remaining)
    granted = _remaining(data.get("grants", {}), "coupon", remaining)
    for code in granted.keys() | {code for code in changes if code.endswith(":coupon")}:
        moved = changes[code][0] if code in changes else ZERO
        if granted.get(code, ZERO) != moved:
            findings.add(
                where, f"grants of {code}", expected=text(moved), found=text(granted.get(code, ZERO))
            )
    for code in touched_codes(event):
        state = states[code]
        if code not in accounts and code in changes:
            findings.add(where, f"accounts.{code}", expected="its state after the event", found=None)
        if state.recorded_at is not None and event.recorded_at < state.recorded_at:
            expected = f"{state.recorded_at.isoformat()} or later, as {code}"
            findings.add(where, "recorded_at", expected=expected, found=event.recorded_at.isoformat())
        state.position, state.recorded_at = event.position, event.recorded_at
    for code, limit in data.get("credit_limits", {}).items():
        states[code].credit_limit = limit
    for code, stated in accounts.items():
        change, entries = changes.get(code, (ZERO, 0))
        after = (change, entries, held.get(code, ZERO))
        _check_account(event, code, stated, states[code], after, findings)


def _transfers(event: StoredEvent, findings: Findings) -> dict[str, tuple[Decimal, int]]:
    """How much the transfers change each user's account, and by how many entries."""
    where, data = f"event {event.position}", event.data
    changes: dict[str, tuple[Decimal, int]] = {}
    transfers = data.get("transfers", ())
    if transfers and event.type not in OPERATION_TYPES:
        findings.add(where, "transfers", expected=f"none in {event.type}", found=len(transfers))
    for number, transfer in enumerate(transfers, 1):
        debit, credit, amount = transfer["debit"], transfer["credit"], Decimal(transfer["amount"])
        if not amount > ZERO:
            findings.add(where, f"transfers[{number}].amount", expected="more than 0", found=amount)
        if not _may_meet(data["kind"], _family(debit), _family(credit), transfer["currency"]):
            found = f"{debit} to {credit} in {transfer['currency']}"
            findings.add(where, f"transfers[{number}]", expected=f"a pair of {data['kind']}", found=found)
        sides: tuple[tuple[str, Side], ...] = ((debit, "D"), (credit, "C"))
        for code, side in sides:
            if code not in PLATFORM_IDS:
                change, entries = changes.get(code, (ZERO, 0))
                changes[code] = (change + amount if increases(code, side) else change - amount, entries + 1)
    return changes


def _remaining(
    kept: Mapping[str, Mapping[str, Any]],
    account: str,
    remaining: MutableMapping[str, Decimal],
) -> dict[str, Decimal]:
    """How much more is left of grants or holds than before, by the account that it is on."""
    changes: dict[str, Decimal] = {}
    for key, after in kept.items():
        code, left = f"user:{after['user']}:{account}", Decimal(after["remaining"])
        changes[code] = changes.get(code, ZERO) + left - remaining.get(key, ZERO)
        remaining[key] = left
    return changes


def _check_account(
    event: StoredEvent,
    code: str,
    stated: Mapping[str, Any],
    state: State,
    change: tuple[Decimal, int, Decimal],
    findings: Findings,
) -> None:
    where, what = f"event {event.position}", f"accounts.{code}"
    balance, held, version = Decimal(stated["balance"]), Decimal(stated["held"]), stated["version"]
    expected = (state.balance + change[0], state.held + change[2], state.version + change[1])
    if (balance, held, version) != expected:
        if balance != expected[0]:
            findings.add(where, f"{what}.balance", expected=text(expected[0]), found=stated["balance"])
        if held != expected[1]:
            findings.add(where, f"{what}.held", expected=text(expected[1]), found=stated["held"])
        if version != expected[2]:
            findings.add(where, f"{what}.version", expected=expected[2], found=version)
    if not ZERO <= held <= balance:
        findings.add(where, f"{what}.held", expected=f"0 to {text(balance)}", found=stated["held"])
    # What the event says is what was posted from; one wrong event is not to be named at every later one.
    state.balance, state.held, state.version = balance, held, version


def _require(value: object, type_: type) -> None:
    if not isinstance(value, type_):
        raise TypeError(f"{type(value).__name__} instead of {type_.__name__}")


def _family(code: str) -> str:
    """The code without the user's id: what accounts of one kind have in common."""
    return f"user:{code.split(':', 2)[2]}" if code.startswith("user:") else code


@lru_cache(maxsize=1024)
def _may_meet(kind: str, debit: str, credit: str, currency: str) -> bool:
    debit_kind, debit_currency = _chart(debit)
    credit_kind, credit_currency = _chart(credit)
    return debit_currency == credit_currency == currency and (kind, debit_kind, credit_kind) in ALLOWED_PAIRS


def _chart(family: str) -> tuple[str, str]:
    if family.startswith("user:"):
        return _OF_USER.get(family.removeprefix("user:"), ("", ""))
    return _OF_PLATFORM.get(family, ("", ""))

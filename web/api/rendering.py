"""Functions that render outcomes, events and rows as JSON values.

A function that is named after a shape of `web.api.shapes`, such as `hold` after `Hold`, returns that shape.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.http import HttpResponse

from easyautoml_ledger.errors import ContractError
from easyautoml_ledger.times import time_text
from events.message import StoredEvent
from ledger.domain.chart import DEBIT, is_escrow, name_of, owner_of
from ledger.domain.consulting import Contract
from ledger.domain.coupons import Grant
from ledger.domain.decide import REJECTION_TYPES
from ledger.domain.errors import Busy, LedgerError
from ledger.domain.holds import Hold
from ledger.domain.money import ZERO, text
from ledger.domain.payouts import Payout
from ledger.domain.proposals import Proposal
from ledger.engine.submission import Outcome
from ledger.queries.balances import Balance, Balances
from ledger.queries.dues import Due
from ledger.queries.operations import EntryRow, FoundOperation, is_operation
from ledger.queries.statement import Line
from ledger.queries.tariffs import TariffVersion
from projections import tariff_uses
from web.api.errors import InternalError
from web.api.problems import Document, document, rejection_document

Sees = Callable[[int], bool]
"""Returns true if the caller may see the balances of a user."""
Shows = Callable[[str], bool]
"""Returns true if the caller may see an account, given its code."""

_OPTIONAL: Final = (
    *("hold", "payout", "contract", "consultant", "final", "reverses", "rest", "to_promotions", "spent"),
    *("grants", "about", "proposal", "proposer", "resolver", "period"),
)
_PAYER_ONLY: Final = frozenset({"to_promotions", "spent", "grants"})
# No user has this id, so only a caller who sees everything sees it.
_NO_USER: Final = 0
_HIDDEN_MESSAGE: Final = "details are shown to the payer only"


def json_response(value: Any, status: int = 200) -> HttpResponse:
    """Return a JSON response that must not be cached."""
    response = HttpResponse(_encode(value), status=status, content_type="application/json")
    response["Cache-Control"] = "no-store"
    return response


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False).encode


def operation(found: FoundOperation, sees: Sees = lambda _: True) -> dict[str, Any]:
    """Return `shapes.Operation` with the accounts that the caller may see."""
    event, effective_at = found
    rejected = event.type in REJECTION_TYPES
    return {
        "id": event.id,
        "status": "rejected" if rejected else "recorded",
        "position": event.position,
        **decision(event, sees),
        "source": event.metadata.get("source", ""),
        "request_id": event.metadata.get("request_id", ""),
        "recorded_at": time_text(event.recorded_at),
        "effective_at": None if effective_at is None else time_text(effective_at),
    }


def decision(event: StoredEvent, sees: Sees = lambda _: True) -> dict[str, Any]:
    data = event.data
    # Only the payer may see coupons, and the amounts that were available and wanted.
    sees_payer = data["payer"] is None or sees(data["payer"])
    shows = _shown_accounts(data["payer"], sees)
    content = {
        "kind": data["kind"],
        "command": data["command"],
        "payer": data["payer"],
        "machine_owner": data.get("machine_owner"),
        "pricing": data.get("pricing"),
        "transfers": [
            transfer | {side: _account_label(transfer[side], shows) for side in ("debit", "credit")}
            for transfer in data["transfers"]
            if shows(transfer["debit"]) or shows(transfer["credit"])
        ],
        "accounts": {code: state for code, state in data["accounts"].items() if shows(code)},
        "occurred_at": time_text(event.occurred_at),
    }
    content |= {
        name: data[name] for name in _OPTIONAL if name in data and (sees_payer or name not in _PAYER_ONLY)
    }
    if "rejection" in data:
        rejection = data["rejection"]
        content["rejection"] = (
            rejection if sees_payer else {"code": rejection["code"], "message": _HIDDEN_MESSAGE}
        )
    return content


def entries(rows: Sequence[EntryRow], payer: int | None, sees: Sees) -> list[dict[str, Any]]:
    """Return `shapes.Entry` for both sides of each transfer in which the caller sees an account."""
    shows = _shown_accounts(payer, sees)
    shown = {row.transfer for row in rows if shows(row.account)}
    return [_entry(row, shows) for row in rows if row.transfer in shown]


def _entry(row: EntryRow, shows: Shows) -> dict[str, Any]:
    shown = row.user is not None and shows(row.account)
    return {
        "transfer": row.transfer,
        "account": _account_label(row.account, shows),
        "side": _side(row.side),
        "currency": row.currency,
        "amount": text(row.amount),
        "balance_after": text(row.balance_after) if shown and row.balance_after is not None else None,
        "version": row.version if shown else None,
    }


def bulk_outcome(key: str | None, outcome: Outcome | LedgerError | ContractError | None) -> dict[str, Any]:
    """Return `shapes.BulkOutcome`. An outcome of None means that the ledger failed on this item."""
    content: dict[str, Any] = {"id": key, "replayed": False}
    if outcome is None:
        problem = document(InternalError("the ledger failed on this item; retry it with the same id"))
        return content | {"outcome": "failed", "status": problem["status"], "problem": problem}
    if not isinstance(outcome, Outcome):
        problem = document(outcome)
        kind = "busy" if isinstance(outcome, Busy) else "invalid"
        return content | {"outcome": kind, "status": problem["status"], "problem": problem}
    content |= {"outcome": outcome.status, "replayed": outcome.replayed}
    if outcome.event is not None:
        content |= {"operation": outcome.event.id, "position": outcome.event.position}
    if outcome.status == "recorded":
        return content | {"status": 200 if outcome.replayed else 201}
    problem = problem_of(outcome)
    return content | {"status": problem["status"], "problem": problem}


def problem_of(outcome: Outcome) -> Document:
    """Return the problem document of an outcome that is not recorded."""
    if outcome.event is not None:
        operation = outcome.event.id if is_operation(outcome.event) else None
        return rejection_document(outcome.event.data["rejection"], operation)
    if outcome.error is None:
        raise RuntimeError(f"an outcome {outcome.status} without an error")
    return document(outcome.error)


def quote(outcome: Outcome) -> dict[str, Any]:
    if outcome.event is None:
        return {"outcome": "undecided", "cost": {}, "problem": problem_of(outcome)}
    data = outcome.event.data
    return {
        "outcome": outcome.status,
        "cost": _cost(data["payer"], data["transfers"]),
        "decision": decision(outcome.event),
    }


def balances(user: int, found: Balances) -> dict[str, Any]:
    recorded_at = found.recorded_at
    return {
        "user": user,
        "version": found.position,
        "as_of": {
            "position": found.position,
            "recorded_at": None if recorded_at is None else time_text(recorded_at),
        },
        **{_member_name(account): _funds(balance) for account, balance in found.accounts.items()},
    }


def statement_line(line: Line) -> dict[str, Any]:
    return {
        "operation": str(line.operation),
        "kind": line.kind,
        "transfer": line.transfer,
        "account": _member_name(name_of(line.account)),
        "side": _side(line.side),
        "currency": line.currency,
        "amount": text(line.amount),
        "balance_after": text(line.balance_after),
        "version": line.version,
        "position": line.position,
        "occurred_at": time_text(line.occurred_at),
        "recorded_at": time_text(line.recorded_at),
        "effective_at": time_text(line.effective_at),
    }


def hold(found: Hold) -> dict[str, Any]:
    return {
        "id": found.id,
        "operation_user": found.operation_user,
        "payer": found.user,
        "machine": found.machine,
        "kind": found.kind,
        "currency": "EAML",
        "amount": text(found.amount),
        "remaining": text(found.remaining),
        "captured": text(found.captured),
        "pricing": found.pricing,
        "expires_at": time_text(found.expires_at),
        "state": found.state,
    }


def payout(found: Payout) -> dict[str, Any]:
    return {
        "id": found.id,
        "operation_user": found.user,
        "currency": "USD",
        "amount": text(found.amount),
        "state": found.state,
    }


def contract(found: Contract) -> dict[str, Any]:
    return {
        "id": found.id,
        "client": found.client,
        "consultant": found.consultant,
        "currency": "USD",
        "amount": text(found.amount),
        "escrow": text(found.remaining),
        "commission_rate": text(found.commission_rate),
        "state": found.state,
    }


def coupons(user: int, grants: Sequence[Grant]) -> dict[str, Any]:
    items = [
        {
            "id": grant.id,
            "amount": text(grant.amount),
            "remaining": text(grant.remaining),
            "priority": grant.priority,
            "kinds": grant.kinds,
            "granted_at": time_text(grant.granted_at),
            "expires_at": None if grant.expires_at is None else time_text(grant.expires_at),
            "code": grant.code,
        }
        for grant in grants
    ]
    return {"user": user, "live": text(sum((grant.remaining for grant in grants), ZERO)), "items": items}


def proposal(found: Proposal, at: datetime) -> dict[str, Any]:
    return {
        "id": found.id,
        "subject": found.subject,
        "operation_user": found.user,
        "body": found.body,
        "reason_code": found.reason_code,
        "proposer": found.proposer,
        "role": found.role,
        "expires_at": time_text(found.expires_at),
        "state": "expired" if found.is_overdue(at) else found.state,
        "resolver": found.resolver,
    }


def tariff(found: TariffVersion, *, uses: bool = False) -> dict[str, Any]:
    """Return `shapes.Tariff`, with the number of operations that it priced if `uses` is true."""
    content: dict[str, Any] = {
        "version": found.version,
        "effective_from": time_text(found.effective_from),
        "published_at": time_text(found.published_at),
        "user": found.user,
        "team": found.team,
        "terms": found.terms,
    }
    if uses:
        count, position = tariff_uses.uses(found.version)
        content["operations"] = {"count": count, "position": position}
    return content


def dues(user: int, found: Mapping[str, Due]) -> dict[str, Any]:
    return {"user": user, "usd": _due(found["USD"]), "eaml": _due(found["EAML"])}


def _due(due: Due) -> dict[str, Any]:
    ages = ("up_to_30", "up_to_60", "up_to_90", "older")
    return {
        "balance": text(due.balance),
        **{age: text(amount) for age, amount in zip(ages, due.by_age, strict=True)},
        "oldest": None if due.oldest is None else time_text(due.oldest),
        "credit_limit": None if due.credit_limit is None else text(due.credit_limit),
    }


def _funds(balance: Balance) -> dict[str, Any]:
    return {
        "balance": text(balance.balance),
        "held": text(balance.held),
        "available": text(balance.available),
        "version": balance.version,
    }


def _cost(payer: int, transfers: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the amounts that go from the payer's accounts to others, by currency."""
    cost: dict[str, Decimal] = {}
    for transfer in transfers:
        if owner_of(transfer["debit"]) == payer != owner_of(transfer["credit"]):
            currency = transfer["currency"]
            cost[currency] = cost.get(currency, ZERO) + Decimal(transfer["amount"])
    return {currency: text(amount) for currency, amount in cost.items()}


def _shown_accounts(payer: int | None, sees: Sees) -> Shows:
    """Return which accounts of an operation the caller sees: an escrow with its payer, the platform's never.

    A service sees all of them.
    """

    def shows(code: str) -> bool:
        if is_escrow(code):
            return payer is None or sees(payer)
        owner = owner_of(code)
        return sees(_NO_USER if owner is None else owner)

    return shows


def _account_label(code: str, shows: Shows) -> str:
    """Return the code of an account that the caller sees, and of others only the owner."""
    owner = owner_of(code)
    if shows(code) or is_escrow(code):
        return code
    return "platform" if owner is None else f"user:{owner}"


def _member_name(account: str) -> str:
    return account.replace(":", "_")


def _side(letter: str) -> str:
    return "debit" if letter == DEBIT else "credit"

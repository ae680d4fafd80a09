"""The codec of grants, holds, periods and other state in events: JSON values, amounts as strings."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from ledger.domain.consulting import Contract
from ledger.domain.coupons import Code, Grant
from ledger.domain.holds import Hold
from ledger.domain.money import text
from ledger.domain.payouts import Payout
from ledger.domain.periods import Month, Period, Total
from ledger.domain.proposals import Adjusted, Proposal
from ledger.domain.reversals import Reversed


def encode_grant(grant: Grant) -> dict[str, Any]:
    """Return the JSON values that events store of a grant, under its id."""
    return {
        "user": grant.user,
        "amount": text(grant.amount),
        "remaining": text(grant.remaining),
        "priority": grant.priority,
        "granted_at": grant.granted_at.isoformat(),
        "expires_at": None if grant.expires_at is None else grant.expires_at.isoformat(),
        "kinds": None if grant.kinds is None else list(grant.kinds),
        "code": grant.code,
    }


def decode_grant(grant_id: str, kept: Mapping[str, Any]) -> Grant:
    """Return the grant that `encode_grant` stored."""
    expires_at, kinds = kept["expires_at"], kept["kinds"]
    return Grant(
        id=grant_id,
        user=kept["user"],
        amount=Decimal(kept["amount"]),
        remaining=Decimal(kept["remaining"]),
        priority=kept["priority"],
        granted_at=datetime.fromisoformat(kept["granted_at"]),
        expires_at=None if expires_at is None else datetime.fromisoformat(expires_at),
        kinds=None if kinds is None else tuple(kinds),
        code=kept["code"],
    )


def encode_hold(hold: Hold) -> dict[str, Any]:
    """Return the JSON values that events store of a hold, under its id."""
    return {
        "user": hold.user,
        "operation_user": hold.operation_user,
        "machine": hold.machine,
        "machine_owner": hold.machine_owner,
        "kind": str(hold.kind),
        "amount": text(hold.amount),
        "remaining": text(hold.remaining),
        "captured": text(hold.captured),
        "captured_quantity": hold.captured_quantity,
        "pricing": dict(hold.pricing),
        "expires_at": hold.expires_at.isoformat(),
        "state": hold.state,
    }


def decode_hold(hold_id: str, kept: Mapping[str, Any]) -> Hold:
    """Return the hold that `encode_hold` stored."""
    return Hold(
        id=hold_id,
        user=kept["user"],
        operation_user=kept["operation_user"],
        machine=kept["machine"],
        machine_owner=kept["machine_owner"],
        kind=kept["kind"],
        amount=Decimal(kept["amount"]),
        remaining=Decimal(kept["remaining"]),
        captured=Decimal(kept["captured"]),
        captured_quantity=kept["captured_quantity"],
        pricing=kept["pricing"],
        expires_at=datetime.fromisoformat(kept["expires_at"]),
        state=kept["state"],
    )


def encode_payout(payout: Payout) -> dict[str, Any]:
    """Return the JSON values that events store of a payout, under its id."""
    return {
        "user": payout.user,
        "amount": text(payout.amount),
        "remaining": text(payout.remaining),
        "state": payout.state,
    }


def decode_payout(payout_id: str, kept: Mapping[str, Any]) -> Payout:
    """Return the payout that `encode_payout` stored."""
    return Payout(
        id=payout_id,
        user=kept["user"],
        amount=Decimal(kept["amount"]),
        remaining=Decimal(kept["remaining"]),
        state=kept["state"],
    )


def encode_contract(contract: Contract) -> dict[str, Any]:
    """Return the JSON values that events store of a consulting contract, under its id."""
    return {
        "client": contract.client,
        "consultant": contract.consultant,
        "amount": text(contract.amount),
        "remaining": text(contract.remaining),
        "commission_rate": text(contract.commission_rate),
        "state": contract.state,
    }


def decode_contract(contract: int, kept: Mapping[str, Any]) -> Contract:
    """Return the contract that `encode_contract` stored."""
    return Contract(
        id=contract,
        client=kept["client"],
        consultant=kept["consultant"],
        amount=Decimal(kept["amount"]),
        remaining=Decimal(kept["remaining"]),
        commission_rate=Decimal(kept["commission_rate"]),
        state=kept["state"],
    )


def encode_proposal(proposal: Proposal) -> dict[str, Any]:
    """Return the JSON values that events store of a proposal, under its id."""
    return {
        "subject": proposal.subject,
        "user": proposal.user,
        "body": dict(proposal.body),
        "reason_code": proposal.reason_code,
        "proposer": proposal.proposer,
        "role": proposal.role,
        "expires_at": proposal.expires_at.isoformat(),
        "state": proposal.state,
        "resolver": proposal.resolver,
        "made_by": proposal.made_by,
    }


def decode_proposal(proposal_id: str, kept: Mapping[str, Any]) -> Proposal:
    """Return the proposal that `encode_proposal` stored."""
    return Proposal(id=proposal_id, **{**kept, "expires_at": datetime.fromisoformat(kept["expires_at"])})


def encode_adjusted(adjusted: Adjusted) -> dict[str, Any]:
    """Return the JSON values that events store of what a principal moved alone in a day, under its key."""
    return {
        "actor": adjusted.actor,
        "day": adjusted.day.isoformat(),
        "currency": adjusted.currency,
        "amount": text(adjusted.amount),
    }


def encode_code(code: Code) -> dict[str, Any]:
    """Return the JSON values that events store of a coupon code, under the code."""
    return {
        "amount": text(code.amount),
        "priority": code.priority,
        "kinds": None if code.kinds is None else list(code.kinds),
        "valid_days": code.valid_days,
        "redeem_until": None if code.redeem_until is None else code.redeem_until.isoformat(),
        "redemptions_max": code.redemptions_max,
        "redemptions": code.redemptions,
        **({} if code.withdrawn_at is None else {"withdrawn_at": code.withdrawn_at.isoformat()}),
    }


def encode_period(period: Period) -> dict[str, Any]:
    """Return the JSON values that events store of a period, under its month."""
    return {
        "state": period.state,
        "version": period.version,
        "starts_at": period.month.starts_at.isoformat(),
        "ends_at": period.month.ends_at.isoformat(),
        "changed_at": period.changed_at.isoformat(),
        "event": period.event,
        "settled": period.settled,
        "proposer": period.proposer,
        "resolver": period.resolver,
        "totals": [
            {
                "account": total.account,
                "currency": total.currency,
                "debits": text(total.debits),
                "credits": text(total.credits),
            }
            for total in period.totals
        ],
    }


def decode_period(month: str, kept: Mapping[str, Any]) -> Period:
    """Return the period that `encode_period` stored."""
    return Period(
        month=Month.parse(month),
        state=kept["state"],
        version=kept["version"],
        changed_at=datetime.fromisoformat(kept["changed_at"]),
        event=kept["event"],
        settled=kept["settled"],
        proposer=kept["proposer"],
        resolver=kept["resolver"],
        totals=tuple(
            Total(each["account"], each["currency"], Decimal(each["debits"]), Decimal(each["credits"]))
            for each in kept["totals"]
        ),
    )


def encode_reversed(reversed_: Reversed) -> dict[str, Any]:
    """Return the JSON values that events store of an operation's reversals, under the operation's id."""
    return {
        "total": text(reversed_.total),
        "amount": text(reversed_.amount),
        "legs": {str(number): text(amount) for number, amount in reversed_.legs.items()},
        "grants": {grant: text(amount) for grant, amount in reversed_.grants.items()},
        **({} if reversed_.dispute is None else {"dispute": reversed_.dispute}),
    }


def decode_reversed(operation: str, kept: Mapping[str, Any]) -> Reversed:
    """Return what `encode_reversed` stored."""
    return Reversed(
        operation=operation,
        total=Decimal(kept["total"]),
        amount=Decimal(kept["amount"]),
        legs={int(number): Decimal(amount) for number, amount in kept["legs"].items()},
        grants={grant: Decimal(amount) for grant, amount in kept["grants"].items()},
        dispute=kept.get("dispute"),
    )

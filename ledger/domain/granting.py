"""Grant promotional credit, redeem coupon codes, and take back expired grants."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from ledger.domain import chart
from ledger.domain.chart import Transfer
from ledger.domain.coupons import Code, Grant, spend
from ledger.domain.errors import (
    AlreadyRedeemed,
    CodeExhausted,
    CodeExists,
    CodeExpired,
    CodeUnknown,
    CodeWithdrawn,
    ExpiryPassed,
    InsufficientFunds,
)
from ledger.domain.locked_state import Decision, LockedState
from ledger.domain.money import USD, ZERO, text
from ledger.domain.one_user import OneUserCommand
from ledger.domain.operations import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantCoupon(OneUserCommand):
    """Give a user promotional credit: `amount` USD with 8 decimals."""

    user: int
    amount: Decimal
    occurred_at: datetime
    expires_at: datetime | None = None
    priority: int = 100
    kinds: tuple[str, ...] | None = None

    kind = Kind.COUPON_GRANT


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeemCode(OneUserCommand):
    """Redeem a coupon code for a user."""

    user: int
    code: str
    occurred_at: datetime

    kind = Kind.COUPON_GRANT


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateCode:
    """Create a coupon code."""

    code: Code
    occurred_at: datetime

    kind = "coupon_code"
    users: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawCode:
    """Withdraw a coupon code, so that it cannot be redeemed any more. What was redeemed stays."""

    code: str
    occurred_at: datetime

    kind = "coupon_code"
    users: tuple[int, ...] = ()


def create_code(command: CreateCode, locked: LockedState) -> Decision:
    """Create the code. Raises `CodeExists`."""
    if command.code.code in locked.codes:
        raise CodeExists("there is a coupon code with this name already", field="code")
    return _code_decision("coupon_code.created", command.code)


def withdraw_code(command: WithdrawCode, locked: LockedState, *, now: datetime) -> Decision:
    """Withdraw the code. Raises `CodeUnknown` or `CodeWithdrawn`."""
    return _code_decision(
        "coupon_code.withdrawn", replace(_redeemable(command.code, locked), withdrawn_at=now)
    )


def grant_coupon(command: GrantCoupon, locked: LockedState, *, now: datetime, event_id: str) -> Decision:
    """Put a new grant on the user's coupon account. The grant has the id of its event.

    Raises `ExpiryPassed` if the grant would have expired already.
    """
    if command.expires_at is not None and command.expires_at <= now:
        raise ExpiryPassed("the coupon would have expired already", field="expires_at")
    return _grant_decision(
        locked,
        Grant(
            id=event_id,
            user=command.user,
            amount=command.amount,
            remaining=command.amount,
            priority=command.priority,
            granted_at=now,
            expires_at=command.expires_at,
            kinds=command.kinds,
        ),
    )


def redeem_code(command: RedeemCode, locked: LockedState, *, now: datetime, event_id: str) -> Decision:
    """Put the grant that a code gives on the user's coupon account.

    Raises `CodeUnknown`, `CodeWithdrawn`, `CodeExpired`, `CodeExhausted` or `AlreadyRedeemed`.
    """
    code = _redeemable(command.code, locked)
    if code.redeem_until is not None and code.redeem_until <= now:
        raise CodeExpired(
            "the coupon code can no longer be redeemed", redeem_until=code.redeem_until.isoformat()
        )
    if command.user in code.redeemed_by:
        raise AlreadyRedeemed("the user has already redeemed this coupon code")
    if code.redemptions_max is not None and code.redemptions >= code.redemptions_max:
        raise CodeExhausted("the coupon code has reached its maximum number of redemptions")
    days = code.valid_days
    granted = _grant_decision(
        locked,
        Grant(
            id=event_id,
            user=command.user,
            amount=code.amount,
            remaining=code.amount,
            priority=code.priority,
            granted_at=now,
            expires_at=None if days is None else now + timedelta(days=days),
            kinds=code.kinds,
            code=code.code,
        ),
    )
    return replace(granted, states=(*granted.states, _redeemed(code, command.user)))


def expire_grant(grant: Grant) -> Decision:
    """Return what is left of an expired grant to promotions, as of its expiry."""
    return Decision(
        type="operation.recorded",
        kind=Kind.COUPON_EXPIRY,
        payer=grant.user,
        users=(grant.user,),
        transfers=(
            Transfer(chart.user_account(grant.user, "coupon"), chart.PROMOTIONS_USD, USD, grant.remaining),
        ),
        states=(replace(grant, remaining=ZERO),),
        facts={"grant": grant.id},
        occurred_at=grant.expires_at,
    )


def deduct_grants(locked: LockedState, user: int, amount: Decimal, *, now: datetime) -> tuple[Grant, ...]:
    """Take `amount` from a user's grants for a downward adjustment; return the changed grants.

    Grants are taken in spending order, regardless of their scope. Raises `InsufficientFunds` if the live
    grants are worth less.
    """
    grants = [replace(grant, kinds=None) for grant in locked.user_grants(user)]
    kinds = {grant.id: grant.kinds for grant in locked.user_grants(user)}
    after = spend(grants, Kind.ADJUSTMENT, amount, now)
    before = {grant.id: grant.remaining for grant in grants}
    took = sum((before[grant.id] - grant.remaining for grant in after), ZERO)
    if took < amount:
        raise InsufficientFunds(
            f"the adjustment takes {text(amount)}, and {text(took)} is live",
            currency=USD,
            amount=text(amount),
            available=text(took),
        )
    return tuple(replace(grant, kinds=kinds[grant.id]) for grant in after)


def _redeemable(name: str, locked: LockedState) -> Code:
    code = locked.codes.get(name)
    if code is None:
        raise CodeUnknown("there is no such coupon code")
    if code.withdrawn_at is not None:
        raise CodeWithdrawn("the coupon code was withdrawn", withdrawn_at=code.withdrawn_at.isoformat())
    return code


def _code_decision(type_: str, code: Code) -> Decision:
    return Decision(
        type=type_,
        kind="coupon_code",
        payer=0,
        users=(),
        states=(code,),
        stream=f"coupon_code:{code.code}",
    )


def _grant_decision(locked: LockedState, grant: Grant) -> Decision:
    transfers = (Transfer(chart.PROMOTIONS_USD, chart.user_account(grant.user, "coupon"), USD, grant.amount),)
    locked.check_balance_sizes(transfers)
    return Decision(
        type="operation.recorded",
        kind=Kind.COUPON_GRANT,
        payer=grant.user,
        users=(grant.user,),
        transfers=transfers,
        states=(grant,),
    )


def _redeemed(code: Code, user: int) -> Code:
    return replace(code, redemptions=code.redemptions + 1, redeemed_by=code.redeemed_by | {user})

"""Opening balances: what a user had and owed in the former system."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ledger.domain import chart
from ledger.domain.chart import Transfer
from ledger.domain.coupons import Grant
from ledger.domain.locked_state import Decision, LockedState
from ledger.domain.money import ZERO
from ledger.domain.one_user import OneUserCommand
from ledger.domain.operations import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBalances(OneUserCommand):
    """Record what one user had and owed, 8 decimals each. `coupon` becomes a grant without an expiry."""

    user: int
    occurred_at: datetime
    usd: Decimal = ZERO
    eaml: Decimal = ZERO
    coupon: Decimal = ZERO
    due_usd: Decimal = ZERO
    due_eaml: Decimal = ZERO

    kind = Kind.OPENING_BALANCE


def open_balances(command: OpenBalances, locked: LockedState, *, now: datetime, event_id: str) -> Decision:
    """Put the amounts on the user's accounts, against equity."""
    amounts = {
        "usd": command.usd,
        "eaml": command.eaml,
        "coupon": command.coupon,
        "due:usd": command.due_usd,
        "due:eaml": command.due_eaml,
    }
    transfers = tuple(
        _opening(command.user, account, amounts[account.name])
        for account in chart.USER_ACCOUNTS
        if amounts[account.name] > ZERO
    )
    locked.check_balance_sizes(transfers)
    grants: tuple[Grant, ...] = ()
    if command.coupon > ZERO:
        grants = (
            Grant(
                id=event_id,
                user=command.user,
                amount=command.coupon,
                remaining=command.coupon,
                priority=100,
                granted_at=now,
                expires_at=None,
                kinds=None,
            ),
        )
    return Decision(
        type="operation.recorded",
        kind=Kind.OPENING_BALANCE,
        payer=command.user,
        users=(command.user,),
        transfers=transfers,
        states=grants,
    )


def _opening(user: int, account: chart.UserAccount, amount: Decimal) -> Transfer:
    equity = chart.OPENING_USD if account.currency == "USD" else chart.OPENING_EAML
    own = chart.user_account(user, account.name)
    debit, credit = (equity, own) if account.normal_side == chart.CREDIT else (own, equity)
    return Transfer(debit, credit, account.currency, amount)

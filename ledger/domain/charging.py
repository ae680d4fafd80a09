"""Charge priced operations: choose the accounts to debit and credit from what is on them."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from ledger.domain import chart
from ledger.domain.chart import Transfer
from ledger.domain.coupons import Grant, spend, spent_by_grant
from ledger.domain.errors import CreditLimitExceeded, InsufficientFunds, Rejected
from ledger.domain.locked_state import Decision, LockedState
from ledger.domain.money import EAML, USD, ZERO, Currency, text
from ledger.domain.operations import Kind
from ledger.domain.payment_references import claim
from ledger.domain.pricing import Priced, required


def charge(priced: Priced, locked: LockedState, *, now: datetime, event_id: str) -> Decision:
    """Decide a priced command.

    Raises `InsufficientFunds`, `CreditLimitExceeded`, `AmountTooLarge` or `PaymentReferenceUsed`.
    """
    transfers: list[Transfer] = []
    grants: tuple[Grant, ...] = ()
    payments = claim(locked.payments, priced.payment, operation=event_id)
    match priced.kind:
        case Kind.TRAINING | Kind.SOLVING | Kind.SOLVING_WITH_API:
            transfers = _charge_compute(priced, locked)
        case Kind.CREDIT_FROM_USER:
            transfers = [_to_user(chart.CLEARING_USD, priced.payer, "usd", priced.gross)]
            transfers += pay_down_due(locked, priced.payer, USD, priced.gross)
        case Kind.PAY_A_BILL:
            transfers, grants = _pay_a_bill(priced, locked, now)
        case _:
            transfers = _sell(priced, locked)
    locked.check_balance_sizes(transfers)
    facts: dict[str, Any] = {"pricing": priced.pricing}
    if priced.machine_owner is not None:
        facts["machine_owner"] = priced.machine_owner
    if grants:
        facts["spent"] = spent_facts(locked, priced.payer, grants)
    return Decision(
        type="operation.recorded",
        kind=priced.kind,
        payer=priced.payer,
        users=priced.users,
        transfers=tuple(transfers),
        facts=facts,
        states=(*grants, *payments),
    )


def spent_facts(locked: LockedState, user: int, after: Sequence[Grant]) -> list[dict[str, str]]:
    """Return how much each grant paid, in spending order. `after` has the grants that changed."""
    spent = spent_by_grant(locked.user_grants(user), after)
    return [{"grant": grant, "amount": text(amount)} for grant, amount in spent.items()]


def pay_down_due(locked: LockedState, user: int, currency: Currency, arriving: Decimal) -> list[Transfer]:
    """Return the pair that pays a user's debt, if there is one, from arriving money of its currency."""
    funds, due = chart.FUNDS[currency], chart.DUES[currency]
    amount = min(locked.balance(user, due), arriving)
    if amount <= ZERO:
        return []
    return [Transfer(chart.user_account(user, funds), chart.user_account(user, due), currency, amount)]


def _charge_compute(priced: Priced, locked: LockedState) -> list[Transfer]:
    purse, gross = locked.account(priced.payer, "eaml"), priced.gross
    available = purse.available
    paid = min(available, gross)
    rest = gross - paid
    transfers = []
    if paid > ZERO:
        transfers.append(Transfer(purse.code, chart.REVENUE_EAML, EAML, paid))
    if rest > ZERO:
        owed = locked.account(priced.payer, "due:eaml")
        limit = priced.due_limit
        if limit is None:
            raise _insufficient(EAML, gross, available)
        if owed.credit_limit is not None:
            limit = owed.credit_limit
        if owed.balance + rest > limit:
            raise CreditLimitExceeded(
                "the user would owe more than the credit limit",
                currency=EAML,
                amount=text(gross),
                available=text(available),
                due=text(owed.balance),
                credit_limit=text(limit),
            )
        transfers.append(Transfer(owed.code, chart.REVENUE_EAML, EAML, rest))
    return transfers


def _pay_a_bill(
    priced: Priced, locked: LockedState, now: datetime
) -> tuple[list[Transfer], tuple[Grant, ...]]:
    """Pay with coupons first, then with USD. The tokens pay down what is due."""
    payer, before = priced.payer, locked.user_grants(priced.payer)
    grants = spend(before, priced.kind, priced.gross, now)
    by_coupons = sum(spent_by_grant(before, grants).values(), ZERO)
    by_money = priced.gross - by_coupons
    available = locked.available(payer, "usd")
    if available < by_money:
        raise _insufficient(USD, priced.gross, available + by_coupons)
    sources = (
        (chart.user_account(payer, "coupon"), by_coupons),
        (chart.user_account(payer, "usd"), by_money),
    )
    transfers = [
        *(Transfer(source, chart.REVENUE_USD, USD, amount) for source, amount in sources if amount > ZERO),
        Transfer(chart.TREASURY_EAML, chart.user_account(payer, "eaml"), EAML, priced.tokens),
        *pay_down_due(locked, payer, EAML, priced.tokens),
    ]
    return transfers, grants


def _sell(priced: Priced, locked: LockedState) -> list[Transfer]:
    buyer, seller = priced.payer, required(priced.payee)
    available = locked.available(buyer, "usd")
    if available < priced.gross:
        raise _insufficient(USD, priced.gross, available)
    purse = chart.user_account(buyer, "usd")
    net = priced.gross - priced.commission
    transfers = []
    if net > ZERO:
        transfers.append(Transfer(purse, chart.user_account(seller, "usd"), USD, net))
    if priced.commission > ZERO:
        transfers.append(Transfer(purse, chart.COMMISSION_USD, USD, priced.commission))
    return transfers + pay_down_due(locked, seller, USD, net)


def _to_user(source: str, user: int, name: str, amount: Decimal) -> Transfer:
    return Transfer(source, chart.user_account(user, name), USD, amount)


def _insufficient(currency: Currency, amount: Decimal, available: Decimal) -> Rejected:
    return InsufficientFunds(
        f"the operation costs {text(amount)} {currency}, and {text(available)} {currency} is available",
        currency=currency,
        amount=text(amount),
        available=text(available),
    )

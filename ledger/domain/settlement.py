"""Who is debited and credited for a priced operation: the locked accounts decide."""

from decimal import Decimal

from ledger.domain import chart
from ledger.domain.book import Book
from ledger.domain.chart import Transfer
from ledger.domain.errors import CreditLimitExceeded, InsufficientFunds, Rejected
from ledger.domain.money import EAML, USD, ZERO, Currency, text
from ledger.domain.operations import Kind
from ledger.domain.pricing import Priced, required


def settle(priced: Priced, book: Book) -> tuple[Transfer, ...]:
    """The transfers of a priced command. Raises `Rejected` where the payer cannot pay."""
    if priced.gross == ZERO:
        return ()
    transfers: list[Transfer]
    match priced.kind:
        case Kind.TRAINING | Kind.SOLVING | Kind.SOLVING_WITH_API:
            transfers = _charge_compute(priced, book)
        case Kind.CREDIT_FROM_USER:
            transfers = [_to_user(chart.CLEARING_USD, priced.payer, "usd", priced.gross)]
            transfers += settle_due(book, priced.payer, USD, priced.gross)
        case Kind.PAY_A_BILL:
            transfers = _pay_a_bill(priced, book)
        case _:
            transfers = _sell(priced, book)
    book.check_room(transfers)
    return tuple(transfers)


def settle_due(book: Book, user: int, currency: Currency, arriving: Decimal) -> list[Transfer]:
    """The pair that pays what a user owes out of money that is arriving in that currency."""
    name = "usd" if currency == USD else "eaml"
    amount = min(book.balance(user, f"due:{name}"), arriving)
    if amount <= ZERO:
        return []
    return [
        Transfer(chart.user_account(user, name), chart.user_account(user, f"due:{name}"), currency, amount),
    ]


def _charge_compute(priced: Priced, book: Book) -> list[Transfer]:
    payer, gross = priced.payer, priced.gross
    available = book.available(payer, "eaml")
    paid = min(available, gross)
    rest = gross - paid
    transfers = []
    if paid > ZERO:
        transfers.append(Transfer(chart.user_account(payer, "eaml"), chart.REVENUE_EAML, EAML, paid))
    if rest > ZERO:
        if priced.due_limit is None:
            raise _insufficient(EAML, gross, available)
        due = book.balance(payer, "due:eaml")
        if due + rest > priced.due_limit:
            raise CreditLimitExceeded(
                "the user would owe more than the credit limit",
                currency=EAML,
                amount=text(gross),
                available=text(available),
                due=text(due),
                credit_limit=text(priced.due_limit),
            )
        transfers.append(Transfer(chart.user_account(payer, "due:eaml"), chart.REVENUE_EAML, EAML, rest))
    return transfers


def _pay_a_bill(priced: Priced, book: Book) -> list[Transfer]:
    payer = priced.payer
    available = book.available(payer, "usd")
    if available < priced.gross:
        raise _insufficient(USD, priced.gross, available)
    return [
        Transfer(chart.user_account(payer, "usd"), chart.REVENUE_USD, USD, priced.gross),
        Transfer(chart.TREASURY_EAML, chart.user_account(payer, "eaml"), EAML, priced.tokens),
        *settle_due(book, payer, EAML, priced.tokens),
    ]


def _sell(priced: Priced, book: Book) -> list[Transfer]:
    buyer, seller = priced.payer, required(priced.payee)
    available = book.available(buyer, "usd")
    if available < priced.gross:
        raise _insufficient(USD, priced.gross, available)
    purse = chart.user_account(buyer, "usd")
    net = priced.gross - priced.commission
    transfers = []
    if net > ZERO:
        transfers.append(Transfer(purse, chart.user_account(seller, "usd"), USD, net))
    if priced.commission > ZERO:
        transfers.append(Transfer(purse, chart.COMMISSION_USD, USD, priced.commission))
    return transfers + settle_due(book, seller, USD, net)


def _to_user(source: str, user: int, name: str, amount: Decimal) -> Transfer:
    return Transfer(source, chart.user_account(user, name), USD, amount)


def _insufficient(currency: Currency, amount: Decimal, available: Decimal) -> Rejected:
    return InsufficientFunds(
        f"the operation costs {text(amount)} {currency}, and {text(available)} {currency} is available",
        currency=currency,
        amount=text(amount),
        available=text(available),
    )

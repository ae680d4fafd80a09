"""What an operation costs, who pays whom, and whether the payer can.

`price` needs no lock: it looks at the command, the machine's terms and the tariff. `settle` looks at
the locked accounts. Together they are `decide`, a pure function.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar, assert_never

from ledger.domain import chart, money
from ledger.domain.book import Book
from ledger.domain.chart import Transfer
from ledger.domain.errors import (
    AmountTooLarge,
    AmountTooSmall,
    CreditLimitExceeded,
    InsufficientFunds,
    NoPrice,
    NotForSale,
    OwnMachine,
    PriceChanged,
    Rejected,
)
from ledger.domain.money import EAML, USD, ZERO, Currency, text
from ledger.domain.operations import MARKET, Kind, MachineTerms, RecordOperation
from ledger.domain.tariff import Tariff

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A command with its price: who pays, who is paid, how much. Amounts have 8 decimals."""

    kind: Kind
    payer: int
    payee: int | None
    currency: Currency
    gross: Decimal
    commission: Decimal = ZERO
    tokens: Decimal = ZERO
    due_limit: Decimal | None = None
    """How much the payer may owe in this currency; None where nothing may become due."""
    machine_owner: int | None = None
    pricing: Mapping[str, Any] = field(default_factory=dict)

    @property
    def users(self) -> tuple[int, ...]:
        """Whose accounts have to be locked."""
        return (self.payer,) if self.payee is None else (self.payer, self.payee)


def price(command: RecordOperation, machine: MachineTerms | None, tariff: Tariff) -> Priced:
    """The price of a command. Raises `Rejected` for what no balance could change."""
    kind = command.kind
    if kind in MARKET:
        return _price_sale(command, _required(machine), tariff)
    match kind:
        case Kind.TRAINING:
            terms = _required(machine)
            cells = terms.columns * (command.count_of_lines or 0)
            if tariff.training_counts_epochs:
                cells *= command.count_of_training_epoch or 1
            return _price_compute(
                command, terms, terms.owner, tariff.training_cell_eaml, cells, tariff, columns=terms.columns
            )
        case Kind.SOLVING:
            return _price_compute(
                command,
                _required(machine),
                command.operation_user,
                tariff.solving_line_eaml,
                command.count_of_lines or 0,
                tariff,
            )
        case Kind.SOLVING_WITH_API:
            return _price_compute(
                command,
                _required(machine),
                command.operation_user,
                tariff.solving_with_api_line_eaml,
                command.count_of_lines or 0,
                tariff,
            )
        case Kind.CREDIT_FROM_USER:
            return Priced(
                kind=kind,
                payer=command.operation_user,
                payee=None,
                currency=USD,
                gross=_required(command.amount),
            )
        case Kind.PAY_A_BILL:
            amount = _required(command.amount)
            tokens = money.tokens_for(amount, tariff.eaml_per_usd)
            if tokens == ZERO:
                raise AmountTooSmall("the amount buys less than the smallest token", amount=text(amount))
            _check_size(tokens)
            return Priced(
                kind=kind,
                payer=command.operation_user,
                payee=None,
                currency=USD,
                gross=amount,
                tokens=tokens,
                pricing={"tariff": tariff.version, "eaml_per_usd": text(tariff.eaml_per_usd)},
            )
        case Kind.ADJUSTMENT | Kind.OPENING_BALANCE:
            raise ValueError(f"{kind} is not priced")
        case _:
            assert_never(kind)


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
        Transfer(
            chart.user_account(user, name), chart.user_account(user, f"due:{name}"), currency, amount
        ),
    ]


def _price_compute(
    command: RecordOperation,
    machine: MachineTerms,
    payer: int,
    unit_price: Decimal,
    quantity: int,
    tariff: Tariff,
    **facts: int,
) -> Priced:
    _check_unit_price(command, unit_price)
    gross = money.multiply(unit_price, quantity)
    _check_size(gross)
    due = tariff.when_short.get(command.kind) == "due"
    return Priced(
        kind=command.kind,
        payer=payer,
        payee=None,
        currency=EAML,
        gross=gross,
        due_limit=tariff.credit_limit_eaml if due else None,
        machine_owner=machine.owner,
        pricing={
            "tariff": tariff.version,
            "unit_price": text(unit_price),
            "quantity": quantity,
            **facts,
        },
    )


def _price_sale(command: RecordOperation, machine: MachineTerms, tariff: Tariff) -> Priced:
    public, unit_price, quantity = True, machine.copy_price, 1
    match command.kind:
        case Kind.SOLVING_WITH_API_MARKET:
            public, unit_price = machine.api_solving_is_public, machine.api_solving_price
            quantity = command.count_of_lines or 0
        case Kind.BUY_DATA_SOURCE:
            public, unit_price = machine.data_source_is_public, machine.data_source_price
        case Kind.MACHINE_COPY_UPDATE:
            unit_price = machine.copy_update_price
    if machine.owner == command.operation_user:
        raise OwnMachine("the owner of a machine does not buy from himself", machine=machine.machine)
    if not public:
        raise NotForSale("the owner does not offer this", machine=machine.machine)
    if unit_price is None:
        raise NoPrice("the machine has no price for this", machine=machine.machine)
    _check_unit_price(command, unit_price)
    gross = money.multiply(unit_price, quantity)
    _check_size(gross)
    return Priced(
        kind=command.kind,
        payer=command.operation_user,
        payee=machine.owner,
        currency=USD,
        gross=gross,
        commission=money.commission(gross, tariff.commission_rate),
        machine_owner=machine.owner,
        pricing={
            "tariff": tariff.version,
            "unit_price": text(unit_price),
            "quantity": quantity,
            "commission_rate": text(tariff.commission_rate),
        },
    )


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
    buyer, seller = priced.payer, _required(priced.payee)
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


def _check_unit_price(command: RecordOperation, unit_price: Decimal) -> None:
    if command.unit_price is not None and command.unit_price != unit_price:
        raise PriceChanged(
            "the price in force is not the one that the command carries",
            unit_price=text(unit_price),
            sent=text(command.unit_price),
        )


def _check_size(amount: Decimal) -> None:
    if amount > money.AMOUNT_MAX:
        raise AmountTooLarge("the amount has more than 12 digits before the point")


def _required(value: T | None) -> T:
    if value is None:
        raise ValueError("the command lacks what its kind requires")
    return value

"""Price operations from the command, the machine's terms and the tariff. Needs no lock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from ledger.domain import money
from ledger.domain.errors import AmountTooSmall, NoPrice, NotForSale, OwnMachine, PriceChanged
from ledger.domain.money import EAML, USD, ZERO, Currency, text
from ledger.domain.operations import MARKET, Kind, MachineTerms, RecordOperation
from ledger.domain.payment_references import PaymentName
from ledger.domain.tariff import Band, Tariff, split

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
    """The amount that the payer may owe in this currency; None if nothing may become due."""
    machine_owner: int | None = None
    payment: PaymentName | None = None
    """The provider's name of the payment of money that is paid in."""
    pricing: Mapping[str, Any] = field(default_factory=dict)

    @property
    def users(self) -> tuple[int, ...]:
        """Return the users whose accounts have to be locked."""
        return (self.payer,) if self.payee is None else (self.payer, self.payee)


def tariff_user(command: RecordOperation, machine: MachineTerms | None) -> int:
    """Return the user whose tariff applies: the one who pays the platform, who is the seller in a sale."""
    if machine is not None and (command.kind is Kind.TRAINING or command.kind in MARKET):
        return machine.owner
    return command.operation_user


def price(command: RecordOperation, machine: MachineTerms | None, tariff: Tariff) -> Priced:
    """Return the price of a command. Raises `Rejected` for reasons other than balances."""
    kind = command.kind
    if kind in MARKET:
        return _price_sale(command, required(machine), tariff)
    match kind:
        case Kind.TRAINING:
            terms = required(machine)
            cells = terms.columns * (command.count_of_lines or 0)
            if tariff.training_counts_epochs and command.count_of_training_epoch is not None:
                cells *= command.count_of_training_epoch
            facts: dict[str, int] = {"columns": terms.columns}
            if tariff.training_counts_epochs:
                facts["epochs_count"] = True
            return _price_compute(command, terms, terms.owner, cells, tariff, **facts)
        case Kind.SOLVING | Kind.SOLVING_WITH_API:
            lines = command.count_of_lines or 0
            return _price_compute(command, required(machine), command.operation_user, lines, tariff)
        case Kind.CREDIT_FROM_USER:
            return Priced(
                kind=kind,
                payer=command.operation_user,
                payee=None,
                currency=USD,
                gross=required(command.amount),
                payment=command.payment,
            )
        case Kind.PAY_A_BILL:
            amount = required(command.amount)
            tokens = money.tokens_for(amount, tariff.eaml_per_usd)
            if tokens == ZERO:
                raise AmountTooSmall("the amount buys less than the smallest token", amount=text(amount))
            money.check_size(tokens)
            return Priced(
                kind=kind,
                payer=command.operation_user,
                payee=None,
                currency=USD,
                gross=amount,
                tokens=tokens,
                pricing={**_versions(tariff), "eaml_per_usd": text(tariff.eaml_per_usd)},
            )
        case _:
            raise ValueError(f"{kind} is not priced")


def commission_terms(tariff: Tariff, kind: Kind) -> tuple[Decimal, dict[str, Any]]:
    """Return the fraction that the platform keeps, and the facts with which an event explains it."""
    rate = tariff.commission_of(kind)
    return rate, {**_versions(tariff), "commission_rate": text(rate)}


def check_unit_price(command: RecordOperation, unit_price: Decimal) -> None:
    """Raise `PriceChanged` if a command carries another price than the one in force."""
    if command.unit_price is not None and command.unit_price != unit_price:
        raise PriceChanged(
            "the price in force is not the one that the command carries",
            unit_price=text(unit_price),
            sent=text(command.unit_price),
        )


def price_units(bands: Sequence[Band], quantity: int, *, after: int = 0) -> tuple[Decimal, dict[str, Any]]:
    """Return the price of units of compute (EAML, 8 decimals), and the facts with which an event explains it.

    `after` is the number of units that were priced before. Each band prices the units within it; the sum is
    rounded once. Raises `AmountTooLarge`.
    """
    facts: dict[str, Any] = {"unit_price": text(bands[0].unit_price), "quantity": quantity}
    if len(bands) == 1:
        gross = money.multiply(bands[0].unit_price, quantity)
    else:
        shares = split(bands, quantity, after=after)
        gross = money.add_up((band.unit_price, share) for band, share in zip(bands, shares, strict=True))
        facts["bands"] = [
            {"above": band.above, "unit_price": text(band.unit_price), "quantity": share}
            for band, share in zip(bands, shares, strict=True)
        ]
    money.check_size(gross)
    return gross, facts


def _price_compute(
    command: RecordOperation,
    machine: MachineTerms,
    payer: int,
    quantity: int,
    tariff: Tariff,
    **facts: int,
) -> Priced:
    bands = tariff.bands_of(command.kind)
    check_unit_price(command, bands[0].unit_price)
    gross, pricing = price_units(bands, quantity)
    due = tariff.when_short.get(command.kind) == "due"
    return Priced(
        kind=command.kind,
        payer=payer,
        payee=None,
        currency=EAML,
        gross=gross,
        due_limit=tariff.credit_limit_eaml if due else None,
        machine_owner=machine.owner,
        pricing={**_versions(tariff), **pricing, **facts},
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
        raise OwnMachine("the owner of a machine cannot buy from their own machine", machine=machine.machine)
    if not public:
        raise NotForSale("the owner does not offer this", machine=machine.machine)
    if unit_price is None:
        raise NoPrice("the machine has no price for this", machine=machine.machine)
    check_unit_price(command, unit_price)
    gross = money.multiply(unit_price, quantity)
    money.check_size(gross)
    rate = tariff.commission_of(command.kind)
    return Priced(
        kind=command.kind,
        payer=command.operation_user,
        payee=machine.owner,
        currency=USD,
        gross=gross,
        commission=money.commission(gross, rate),
        machine_owner=machine.owner,
        pricing={
            **_versions(tariff),
            "unit_price": text(unit_price),
            "quantity": quantity,
            "commission_rate": text(rate),
        },
    )


def _versions(tariff: Tariff) -> dict[str, Any]:
    """Return the tariff version of a price, and the versions of the overrides for a team or a user."""
    if not tariff.overrides:
        return {"tariff": tariff.version}
    return {"tariff": tariff.version, "overrides": list(tariff.overrides)}


def required(value: T | None) -> T:
    """Return a value that the message contract of the command's kind requires. Raises ValueError for None."""
    if value is None:
        raise ValueError("the command lacks what its kind requires")
    return value

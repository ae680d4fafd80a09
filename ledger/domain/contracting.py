"""Sign consulting contracts, and pay out or return the money in their escrow."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

from ledger.domain import chart, money
from ledger.domain.charging import pay_down_due
from ledger.domain.chart import Transfer, user_account
from ledger.domain.consulting import Contract, ContractState, Offer
from ledger.domain.errors import ContractEnded, ContractNotOffered, InsufficientFunds
from ledger.domain.locked_state import Decision, LockedState
from ledger.domain.money import USD, ZERO, text
from ledger.domain.operations import Kind

Step: TypeAlias = Literal["finish", "split", "cancel"]

_STATES: Final[Mapping[Step, ContractState]] = {
    "finish": "finished",
    "split": "split",
    "cancel": "cancelled",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignContract:
    """Put the amount of a consulting request into escrow: the consultant has approved."""

    contract: int
    occurred_at: datetime

    kind = Kind.CONSULTING_CONTRACT


@dataclass(frozen=True, slots=True, kw_only=True)
class EndContract:
    """Pay the money in escrow to the consultant, or back to the client.

    In a `split` the consultant gets `amount` (USD, 8 decimals) and the client the rest.
    """

    contract: int
    step: Step
    occurred_at: datetime
    amount: Decimal | None = None

    @property
    def kind(self) -> Kind:
        """Return the kind of the operation that will be recorded."""
        return Kind.CONSULTING_RETURN if self.step == "cancel" else Kind.CONSULTING_PAYMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """A contract to be signed. `pricing` names the tariff that the commission is from."""

    contract: Contract
    pricing: Mapping[str, Any]

    @property
    def users(self) -> tuple[int, ...]:
        """Return the users whose accounts have to be locked."""
        return (self.contract.client,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A signed contract that is to be ended."""

    command: EndContract
    contract: Contract

    @property
    def users(self) -> tuple[int, ...]:
        """Return the users whose accounts have to be locked. A consultant who gets nothing may be deleted."""
        contract = self.contract
        return (contract.client,) if self.command.step == "cancel" else (contract.client, contract.consultant)


def plan_signing(offer: Offer, commission_rate: Decimal, pricing: Mapping[str, Any]) -> Signing:
    """Return the contract that comes of an offer. Raises `ContractNotOffered`."""
    client, consultant, amount = offer.client, offer.consultant, offer.amount
    if not offer.waits or client is None or consultant is None or amount is None or client == consultant:
        raise ContractNotOffered(
            "this request does not wait for a consultant's approval", contract=offer.request
        )
    money.check_size(amount)
    contract = Contract(
        id=offer.request,
        client=client,
        consultant=consultant,
        amount=amount,
        remaining=amount,
        commission_rate=commission_rate,
        state="signed",
    )
    return Signing(contract=contract, pricing=pricing)


def sign_contract(plan: Signing, locked: LockedState) -> Decision:
    """Move the amount into escrow. Raises `InsufficientFunds`, or `ContractNotOffered` if it was signed."""
    contract = plan.contract
    if contract.id in locked.contracts:
        raise ContractNotOffered("the contract was signed before", contract=contract.id)
    available = locked.available(contract.client, "usd")
    if available < contract.amount:
        raise _insufficient("the contract costs", contract.amount, available)
    purse = user_account(contract.client, "usd")
    transfers = _move(purse, contract.account, contract.amount)
    return _decision(Kind.CONSULTING_CONTRACT, contract, plan.users, transfers, {"pricing": plan.pricing})


def end_contract(plan: Ending, locked: LockedState) -> Decision:
    """Empty the escrow. Raises `ContractEnded`, or `InsufficientFunds` if a split is more than is in it."""
    command, contract = plan.command, locked.contracts[plan.contract.id]
    if contract.state != "signed":
        raise ContractEnded(f"the contract is {contract.state}", contract=contract.id, state=contract.state)
    parts = {"finish": contract.remaining, "cancel": ZERO}
    gross = parts.get(command.step, command.amount or ZERO)
    if gross > contract.remaining:
        raise _insufficient("the consultant would get", gross, contract.remaining)
    fee, back = money.commission(gross, contract.commission_rate), contract.remaining - gross
    client, consultant = contract.client, contract.consultant
    transfers = [
        *_move(contract.account, user_account(consultant, "usd"), gross - fee),
        *_move(contract.account, chart.COMMISSION_USD, fee),
        *(pay_down_due(locked, consultant, USD, gross - fee) if gross else ()),
        *_move(contract.account, user_account(client, "usd"), back),
        *pay_down_due(locked, client, USD, back),
    ]
    locked.check_balance_sizes(transfers)
    after = replace(contract, remaining=ZERO, state=_STATES[command.step])
    facts = {"pricing": {"commission_rate": text(contract.commission_rate)}} if gross else {}
    return _decision(command.kind, after, plan.users, transfers, facts)


def _move(debit: str, credit: str, amount: Decimal) -> list[Transfer]:
    return [Transfer(debit, credit, USD, amount)] if amount > ZERO else []


def _decision(
    kind: Kind,
    contract: Contract,
    users: tuple[int, ...],
    transfers: list[Transfer],
    facts: Mapping[str, Any],
) -> Decision:
    return Decision(
        type="operation.recorded",
        kind=kind,
        payer=contract.client,
        users=users,
        transfers=tuple(transfers),
        states=(contract,),
        facts={
            "contract": contract.id,
            "consultant": contract.consultant,
            "operation_user": contract.client,
            **facts,
        },
    )


def _insufficient(what: str, amount: Decimal, available: Decimal) -> InsufficientFunds:
    return InsufficientFunds(
        f"{what} {text(amount)} USD, and {text(available)} USD is available",
        currency=USD,
        amount=text(amount),
        available=text(available),
    )

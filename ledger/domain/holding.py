"""Place, capture, void and expire holds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from ledger.domain.chart import REVENUE_EAML, Transfer, user_account
from ledger.domain.errors import ExpiryPassed, HoldExists, HoldMismatch, HoldResolved, InsufficientFunds
from ledger.domain.holds import Hold, HoldState
from ledger.domain.locked_state import Decision, LockedState
from ledger.domain.money import EAML, ZERO, text
from ledger.domain.operations import Kind, RecordOperation
from ledger.domain.pricing import Priced, check_unit_price, price_units
from ledger.domain.tariff import Band


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceHold:
    """Set aside what an estimated operation would cost. `estimate` is that operation and names no hold."""

    hold: str
    estimate: RecordOperation
    expires_at: datetime

    @property
    def kind(self) -> Kind:
        """Return the kind of operation that the hold is for."""
        return self.estimate.kind

    @property
    def operation_user(self) -> int:
        """Return the user whose operation it will be."""
        return self.estimate.operation_user

    @property
    def occurred_at(self) -> datetime:
        """Return the time when the hold was requested."""
        return self.estimate.occurred_at


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureHold:
    """Pay for work from a hold. `final` releases what is left of the hold."""

    hold: str
    count_of_lines: int
    occurred_at: datetime
    count_of_training_epoch: int | None = None
    final: bool = True
    operation: RecordOperation | None = None
    """The operation that names the hold, if the capture was sent as an operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidHold:
    """Release a hold because the work was not done."""

    hold: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """A hold to be placed, with its price: who pays, and how much (EAML, 8 decimals)."""

    command: PlaceHold
    priced: Priced

    @property
    def users(self) -> tuple[int, ...]:
        """Return the users whose accounts have to be locked."""
        return self.priced.users


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolving:
    """A hold to be captured or voided, whose payer is known."""

    command: CaptureHold | VoidHold
    hold: Hold

    @property
    def users(self) -> tuple[int, ...]:
        """Return the users whose accounts have to be locked."""
        return (self.hold.user,)


def place_hold(plan: Placing, locked: LockedState, *, now: datetime) -> Decision:
    """Set the money aside. Raises `InsufficientFunds`, `HoldExists`, or `ExpiryPassed` for a past expiry."""
    command, priced = plan.command, plan.priced
    if command.hold in locked.holds:
        raise HoldExists("there is a hold with this id already", hold=command.hold)
    if command.expires_at <= now:
        raise ExpiryPassed("the hold would have expired already", field="expires_at")
    available = locked.available(priced.payer, "eaml")
    if available < priced.gross:
        raise InsufficientFunds(
            f"the hold needs {text(priced.gross)} EAML, and {text(available)} EAML is available",
            currency=EAML,
            amount=text(priced.gross),
            available=text(available),
            hold=command.hold,
        )
    hold = new_hold(plan)
    return _decision("hold.placed", hold, priced.gross)


def new_hold(plan: Placing) -> Hold:
    """Return the hold that placing makes if it succeeds."""
    command, priced = plan.command, plan.priced
    return Hold(
        id=command.hold,
        user=priced.payer,
        operation_user=command.operation_user,
        machine=command.estimate.machine or 0,
        machine_owner=priced.machine_owner or 0,
        kind=priced.kind,
        amount=priced.gross,
        remaining=priced.gross,
        captured=ZERO,
        captured_quantity=0,
        pricing=priced.pricing,
        expires_at=command.expires_at,
        state="open",
    )


def capture_hold(plan: Resolving, command: CaptureHold, locked: LockedState) -> Decision:
    """Charge the work: first to the hold, then to available tokens, then as due without a limit.

    Work that was done before the hold expired is charged even after the expiry. Raises `HoldResolved` if
    the hold was captured or voided, or if the work was done after the expiry; `HoldMismatch` if the hold
    was placed for a different operation; and `PriceChanged` if the operation names another price.
    """
    hold = locked.holds[plan.hold.id]
    if hold.state in {"captured", "voided"}:
        raise HoldResolved(f"the hold is {hold.state}", hold=hold.id, state=hold.state)
    if command.occurred_at >= hold.expires_at:
        raise HoldResolved("the work was done after the hold expired", hold=hold.id, state="expired")
    _check_same(hold, command.operation)
    gross, pricing = _price(hold, command)
    within = min(gross, hold.remaining)
    rest = gross - within
    own, due = user_account(hold.user, "eaml"), user_account(hold.user, "due:eaml")
    available = min(rest, locked.available(hold.user, "eaml"))
    transfers = tuple(
        Transfer(account, REVENUE_EAML, EAML, amount)
        for account, amount in ((own, within + available), (due, rest - available))
        if amount > ZERO
    )
    locked.check_balance_sizes(transfers)
    released = hold.remaining if command.final else within
    after = replace(
        hold,
        remaining=hold.remaining - released,
        captured=hold.captured + gross,
        captured_quantity=hold.captured_quantity + pricing["quantity"],
        state="captured" if command.final else hold.state,
    )
    return Decision(
        type="hold.captured",
        kind=hold.kind,
        payer=hold.user,
        users=(hold.user,),
        transfers=transfers,
        held={own: -released},
        states=(after,),
        facts={
            "hold": hold.id,
            "final": command.final,
            "operation_user": hold.operation_user,
            "machine": hold.machine,
            "machine_owner": hold.machine_owner,
            "pricing": pricing,
        },
    )


def void_hold(plan: Resolving, locked: LockedState) -> Decision:
    """Release a hold. Raises `HoldResolved` if it was captured or voided, or has expired."""
    hold = locked.holds[plan.hold.id]
    if hold.state != "open":
        raise HoldResolved(f"the hold is {hold.state}", hold=hold.id, state=hold.state)
    return _released(hold, "voided")


def expire_hold(hold: Hold) -> Decision:
    """Release an overdue hold, as of its expiry."""
    return replace(_released(hold, "expired"), occurred_at=hold.expires_at)


def _released(hold: Hold, state: HoldState) -> Decision:
    return _decision(f"hold.{state}", replace(hold, remaining=ZERO, state=state), -hold.remaining)


def _decision(type_: str, hold: Hold, held: Decimal) -> Decision:
    return Decision(
        type=type_,
        kind=hold.kind,
        payer=hold.user,
        users=(hold.user,),
        held={hold.account: held},
        states=(hold,),
        stream=f"hold:{hold.id}",
        facts={
            "hold": hold.id,
            "operation_user": hold.operation_user,
            "machine": hold.machine,
            "machine_owner": hold.machine_owner,
            "pricing": hold.pricing,
            "expires_at": hold.expires_at.isoformat(),
        },
    )


def _check_same(hold: Hold, operation: RecordOperation | None) -> None:
    if operation is None:
        return
    for field, placed, sent in (
        ("type", hold.kind, operation.kind),
        ("machine", hold.machine, operation.machine),
        ("operation_user", hold.operation_user, operation.operation_user),
    ):
        if placed != sent:
            raise HoldMismatch(f"the hold was placed for another {field}", hold=hold.id, field=field)
    check_unit_price(operation, Decimal(hold.pricing["unit_price"]))


def _price(hold: Hold, command: CaptureHold) -> tuple[Decimal, Mapping[str, Any]]:
    """Return the price of the work by the prices fixed in the hold. Its bands count all captures together."""
    quantity = command.count_of_lines * hold.pricing.get("columns", 1)
    if hold.pricing.get("epochs_count") and command.count_of_training_epoch is not None:
        quantity *= command.count_of_training_epoch
    pinned = hold.pricing.get("bands", ({"above": 0, "unit_price": hold.pricing["unit_price"]},))
    bands = [Band(above=band["above"], unit_price=Decimal(band["unit_price"])) for band in pinned]
    gross, pricing = price_units(bands, quantity, after=hold.captured_quantity)
    return gross, {**hold.pricing, **pricing}

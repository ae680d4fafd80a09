"""The parts of stored payloads. Values have the types that are stored: amounts and times are text."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Stored(BaseModel):
    """The base of stored payloads. An unknown field is an error: writing one needs a change of its model."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _time(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a time without its offset")
    return text


def _day(text: str) -> str:
    date.fromisoformat(text)
    return text


Amount: TypeAlias = Annotated[str, Field(pattern=r"^\d{1,30}\.\d{8}$")]
Time: TypeAlias = Annotated[str, AfterValidator(_time)]
Day: TypeAlias = Annotated[str, AfterValidator(_day)]
Currency: TypeAlias = Literal["USD", "EAML"]
Id: TypeAlias = Annotated[int, Field(ge=1)]
Count: TypeAlias = Annotated[int, Field(ge=0)]
Month: TypeAlias = Annotated[str, Field(pattern=r"^2\d{3}-(0[1-9]|1[0-2])$")]
Uuid: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Command: TypeAlias = dict[str, Any]
"""A command as it was sent, defaults left out. The sender's contract defines its shape."""


class Transfer(Stored):
    """`amount`, above zero, from the `debit` account to the `credit` account."""

    debit: str
    credit: str
    currency: Currency
    amount: Amount


class AccountState(Stored):
    """The state of an account after the event."""

    balance: Amount
    held: Amount
    version: Count


class Band(Stored):
    """The units of an operation in one band of prices: those above the number `above`."""

    above: Count
    unit_price: Amount
    quantity: Count


class Pricing(Stored):
    """The figures that a price was computed with: a unit price for compute and sales, a rate for bills.

    `bands` is set if the tariff has more than one; `unit_price` is then the first band's. `overrides` are the
    versions with the terms of the payer and the payer's team that applied.
    """

    tariff: Id | None = None
    overrides: list[Id] | None = None
    unit_price: Amount | None = None
    quantity: Count | None = None
    bands: list[Band] | None = None
    columns: Count | None = None
    epochs_count: Literal[True] | None = None
    commission_rate: Amount | None = None
    eaml_per_usd: Amount | None = None


class PriceBand(Stored):
    """The price (EAML) of the units of one operation above the number `above`."""

    above: Id
    unit_price: Amount


class Terms(Stored):
    """The platform's own prices (EAML), rates and limits, with bands and commission rates by kind.

    A tariff has all fields except perhaps the last two, an override some of them.
    """

    training_cell_eaml: Amount | None = None
    training_counts_epochs: bool | None = None
    solving_line_eaml: Amount | None = None
    solving_with_api_line_eaml: Amount | None = None
    commission_rate: Amount | None = None
    eaml_per_usd: Amount | None = None
    credit_limit_eaml: Amount | None = None
    when_short: dict[str, Literal["due", "reject"]] | None = None
    commission_rates: dict[str, Amount] | None = None
    bands: dict[str, list[PriceBand]] | None = None


class Spent(Stored):
    """The amount that a grant paid."""

    grant: Uuid
    amount: Amount


class Grant(Stored):
    """The state of a grant after the event."""

    user: Id
    amount: Amount
    remaining: Amount
    priority: int
    granted_at: Time
    expires_at: Time | None
    kinds: list[str] | None
    code: str | None


class Hold(Stored):
    """The state of a hold after the event."""

    user: Id
    operation_user: Id
    machine: Count
    machine_owner: Count
    kind: str
    amount: Amount
    remaining: Amount
    captured: Amount
    captured_quantity: Count
    pricing: Pricing
    expires_at: Time
    state: Literal["open", "captured", "voided", "expired"]


class Payout(Stored):
    """The state of a payout after the event. `remaining` is still set aside."""

    user: Id
    amount: Amount
    remaining: Amount
    state: Literal["requested", "paid", "failed"]


class ConsultingContract(Stored):
    """The state of a consulting contract after the event. `remaining` is still in escrow."""

    client: Id
    consultant: Id
    amount: Amount
    remaining: Amount
    commission_rate: Amount
    state: Literal["signed", "finished", "split", "cancelled"]


class Reversed(Stored):
    """The amounts of an operation reversed so far: in all, of each transfer, and of each grant.

    `dispute` is the operation that charged a payment back.
    """

    total: Amount
    amount: Amount
    legs: dict[str, Amount]
    grants: dict[str, Amount]
    dispute: Uuid | None = None


class Code(Stored):
    """The state of a coupon code after the event."""

    amount: Amount
    priority: int
    kinds: list[str] | None
    valid_days: Count | None
    redeem_until: Time | None
    redemptions_max: Count | None
    redemptions: Count
    withdrawn_at: Time | None = None


class Proposal(Stored):
    """The state of a proposal after the event. The shape of `body` depends on the subject."""

    subject: Literal["adjustment", "tariff", "period", "command"]
    user: Id | None
    body: dict[str, Any]
    reason_code: str
    proposer: str
    role: Literal["staff", "super_admin"]
    expires_at: Time
    state: Literal["open", "approved", "declined", "expired"]
    resolver: str | None
    made_by: str | None = None


class PeriodTotal(Stored):
    """The total of a platform account, or of all users' accounts of a kind, at the end of a month."""

    account: str
    currency: Currency
    debits: Amount
    credits: Amount


class Period(Stored):
    """The state of a month (UTC) after the event. `settled` is the settled position at its last closing."""

    state: Literal["open", "closed"]
    version: Id
    starts_at: Time
    ends_at: Time
    changed_at: Time
    event: Uuid
    settled: Count
    proposer: str
    resolver: str
    totals: list[PeriodTotal]


class Adjusted(Stored):
    """The sum of one actor's adjustments without approval on a day (UTC) so far."""

    actor: str
    day: Day
    currency: Currency
    amount: Amount


class Rejection(BaseModel):
    """The reason of a rejection: a stable code, a sentence, and details that depend on the code."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    code: str
    message: str

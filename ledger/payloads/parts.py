"""What stored payloads are made of. Values stay as they are stored: amounts and times as text."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Stored(BaseModel):
    """Anything in the log: a field that it does not name was written by somebody who changed it."""

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
"""What was asked, as it was sent, defaults left out: its shape is the sender's contract."""


class Transfer(Stored):
    """`amount` from the `debit` to the `credit` account, more than nothing."""

    debit: str
    credit: str
    currency: Currency
    amount: Amount


class AccountState(Stored):
    """An account after the event."""

    balance: Amount
    held: Amount
    version: Count


class Band(Stored):
    """How many of an operation's units fell in a band of prices, those above so many."""

    above: Count
    unit_price: Amount
    quantity: Count


class Pricing(Stored):
    """What a price was computed with: for compute and sales a unit price, for bills a rate.

    `bands` are all of them where a tariff has more than one; `unit_price` is the first one's. `overrides`
    are the versions of the payer's team and of himself that were laid on the tariff.
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
    """What units above so many of one operation cost (EAML)."""

    above: Id
    unit_price: Amount


class Terms(Stored):
    """The platform's own prices (EAML), rates and limits; by kind, further bands and commissions.

    A tariff has all but the last two; those of a user or team have some.
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
    """How much a grant paid."""

    grant: Uuid
    amount: Amount


class Grant(Stored):
    """A grant after the event."""

    user: Id
    amount: Amount
    remaining: Amount
    priority: int
    granted_at: Time
    expires_at: Time | None
    kinds: list[str] | None
    code: str | None


class Hold(Stored):
    """A hold after the event."""

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
    """A payout after the event: `remaining` is what is still set aside."""

    user: Id
    amount: Amount
    remaining: Amount
    state: Literal["requested", "paid", "failed"]


class ConsultingContract(Stored):
    """A consulting contract after the event: `remaining` is what is still in escrow."""

    client: Id
    consultant: Id
    amount: Amount
    remaining: Amount
    commission_rate: Amount
    state: Literal["signed", "finished", "split", "cancelled"]


class Reversed(Stored):
    """What was taken back of an operation by now, in all and of each transfer and grant."""

    total: Amount
    amount: Amount
    legs: dict[str, Amount]
    grants: dict[str, Amount]


class Code(Stored):
    """A coupon code after the event."""

    amount: Amount
    priority: int
    kinds: list[str] | None
    valid_days: Count | None
    redeem_until: Time | None
    redemptions_max: Count | None
    redemptions: Count


class Proposal(Stored):
    """A proposal after the event. `body` is what was proposed, in its subject's own words."""

    subject: Literal["adjustment", "tariff", "period"]
    user: Id | None
    body: dict[str, Any]
    reason_code: str
    proposer: str
    role: Literal["staff", "super_admin"]
    expires_at: Time
    state: Literal["open", "approved", "declined", "expired"]
    resolver: str | None


class PeriodTotal(Stored):
    """What an account of the platform, or all users' accounts of a kind, had at the end of a month."""

    account: str
    currency: Currency
    debits: Amount
    credits: Amount


class Period(Stored):
    """A month (UTC) after the event. `settled` is the settled position when it was last closed."""

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
    """How much somebody adjusted alone on a day by now."""

    actor: str
    day: Day
    currency: Currency
    amount: Amount


class Rejection(BaseModel):
    """Why nothing happened: a stable code, a sentence, and the code's own details."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    code: str
    message: str

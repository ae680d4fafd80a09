"""What the API answers: the shapes that its OpenAPI document describes. Amounts are strings, 8 decimals."""

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from web.api.problems import Problem

AmountText = Annotated[str, Field(pattern=r"^-?[0-9]{1,30}\.[0-9]{8}$", examples=["12.50000000"])]
Currency = Literal["USD", "EAML"]
AccountName = Literal["usd", "eaml", "coupon", "due_usd", "due_eaml"]


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Transfer(_Shape):
    """`amount` from the `debit` to the `credit` account."""

    debit: str
    credit: str
    currency: Currency
    amount: AmountText


class AccountState(_Shape):
    """An account after the operation. `version` counts its entries."""

    balance: AmountText
    held: AmountText
    version: int


class Rejection(BaseModel):
    """Why an operation was rejected: a code of docs/errors.md, and what belongs to it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    code: str
    message: str


class Decision(_Shape):
    """What the ledger decides about an operation: prices, transfers, the accounts after it."""

    kind: str
    command: dict[str, Any] = Field(description="What was asked, as it was sent.")
    payer: int | None
    machine_owner: int | None
    pricing: dict[str, Any] | None = Field(description="The tariff's version and every price used.")
    transfers: list[Transfer]
    accounts: dict[str, AccountState] = Field(
        description="The accounts of every user the operation touched; one that was never used is left out.",
    )
    rejection: Rejection | None = None
    occurred_at: datetime
    hold: UUID | None = Field(default=None, description="The hold that was placed, captured or released.")
    final: bool | None = Field(
        default=None, description="Whether nothing is left of the hold, or to reverse."
    )
    contract: int | None = Field(
        default=None, description="The consulting contract that was signed or ended."
    )
    consultant: int | None = None
    payout: UUID | None = Field(
        default=None, description="The payout that was asked for, paid or has failed."
    )
    reverses: UUID | None = Field(default=None, description="The operation that was taken back.")
    proposal: UUID | None = Field(default=None, description="The proposal that was made or resolved.")
    period: str | None = Field(default=None, description="The month that was closed or reopened.")
    proposer: str | None = None
    resolver: str | None = None
    to_promotions: AmountText | None = Field(default=None, description="What expired coupons gave back.")
    spent: list[dict[str, Any]] | None = Field(default=None, description="Which coupon paid how much (USD).")
    grants: dict[str, dict[str, Any]] | None = Field(default=None, description="Coupons after the operation.")


class Hold(_Shape):
    """Money set aside: `remaining` of `amount` still is, `captured` was paid by captures."""

    id: UUID
    operation_user: int
    payer: int
    machine: int
    kind: str
    currency: Currency
    amount: AmountText
    remaining: AmountText
    captured: AmountText
    pricing: dict[str, Any]
    expires_at: datetime
    state: Literal["open", "captured", "voided", "expired"]


class Payout(_Shape):
    """USD of a user that is paid out to him: set aside while it is `requested`."""

    id: UUID
    operation_user: int
    currency: Currency
    amount: AmountText
    state: Literal["requested", "paid", "failed"]


class Contract(_Shape):
    """A consulting contract: `escrow` of `amount` (USD) waits to be paid or returned."""

    id: int = Field(description="The consulting request that it came of.")
    client: int
    consultant: int
    currency: Currency
    amount: AmountText
    escrow: AmountText
    commission_rate: AmountText
    state: Literal["signed", "finished", "split", "cancelled"]


class Coupon(_Shape):
    """Promotional credit (USD): `remaining` of `amount` is not spent yet."""

    id: UUID
    amount: AmountText
    remaining: AmountText
    priority: int
    kinds: list[str] | None = Field(description="The operations that it may pay; null: all that it can.")
    granted_at: datetime
    expires_at: datetime | None
    code: str | None


class Coupons(_Shape):
    """A user's live coupons, in the order they are spent."""

    user: int
    live: AmountText
    items: list[Coupon]


class Proposal(_Shape):
    """What waits, or waited, for a second person."""

    id: UUID
    subject: Literal["adjustment", "tariff", "period"]
    operation_user: int | None = Field(description="Whose accounts it is about, if anybody's.")
    body: dict[str, Any] = Field(
        description="What was proposed: an adjustment's account, direction and amount, a tariff's terms, "
        "a period's month, and whether it closes or reopens."
    )
    reason_code: str
    proposer: str
    role: Literal["staff", "super_admin"] = Field(description="The proposer's.")
    expires_at: datetime
    state: Literal["open", "approved", "declined", "expired"]
    resolver: str | None


class Proposals(_Shape):
    """Proposals, the newest first."""

    items: list[Proposal]


class TariffUse(_Shape):
    """How many operations were priced by a version, counted up to a position."""

    count: int
    position: int


class Tariff(_Shape):
    """A published version: everybody's, or a user's or a team's own terms, which are some of them."""

    version: int
    effective_from: datetime
    published_at: datetime
    user: int | None
    team: int | None
    terms: dict[str, Any] = Field(description="By name; amounts as strings.")
    operations: TariffUse | None = Field(
        default=None, description="What it was used for; only of one version, and for services."
    )


class Tariffs(_Shape):
    """Versions, the latest first."""

    items: list[Tariff]


class Due(_Shape):
    """What is owed in one currency, by age in days; `credit_limit` null: what the tariff says."""

    balance: AmountText
    up_to_30: AmountText
    up_to_60: AmountText
    up_to_90: AmountText
    older: AmountText
    oldest: datetime | None
    credit_limit: AmountText | None


class Dues(_Shape):
    """What a user owes."""

    user: int
    usd: Due
    eaml: Due


class Operation(Decision):
    """An operation as it was decided."""

    id: UUID
    status: Literal["recorded", "rejected"]
    position: int = Field(description="Its place in the ledger's one order.")
    source: str
    request_id: str
    recorded_at: datetime
    effective_at: datetime | None = Field(description="When it counts for the books; null where rejected.")


class Entry(_Shape):
    """One side of a transfer. `balance_after` and `version` are null on accounts that are not shown."""

    transfer: int
    account: str
    side: Literal["debit", "credit"]
    currency: Currency
    amount: AmountText
    balance_after: AmountText | None
    version: int | None


class OperationWithEntries(Operation):
    """An operation with its entries; a rejected one has none."""

    entries: list[Entry]


class OperationPage(_Shape):
    """Recorded operations, newest first. `next` is the cursor of the next page, null on the last."""

    items: list[Operation]
    next: str | None


class BulkOutcome(_Shape):
    """What became of one item; `status` is what the item alone would have been answered with."""

    id: str | None = Field(description="The item's id; null where it has none that can be read.")
    outcome: Literal["recorded", "rejected", "refused", "conflict", "undecided", "invalid", "failed"]
    status: int
    replayed: bool
    operation: UUID | None = None
    position: int | None = None
    problem: Problem | None = None


class BulkOutcomes(_Shape):
    """An outcome per item, in the order of the items."""

    outcomes: list[BulkOutcome]


class Quote(_Shape):
    """What recording the operation now would come to. Nothing was written."""

    outcome: Literal["recorded", "rejected", "undecided"]
    cost: dict[Currency, AmountText] = Field(description="What leaves the payer or becomes due, by currency.")
    decision: Decision | None = None
    problem: Problem | None = None


OperationOrQuote: TypeAlias = Operation | Quote
"""200 of a door: done before, or what a dry run would come to."""


class Funds(_Shape):
    """One balance; `available` is what of it can be spent, `version` counts the account's entries."""

    balance: AmountText
    held: AmountText
    available: AmountText
    version: int


class AsOf(_Shape):
    """The last event that touched one of the accounts: position 0 where there never was any."""

    position: int
    recorded_at: datetime | None


class Balances(_Shape):
    """A user's balances. `version` grows with every change: drop what is lower."""

    user: int
    version: int
    as_of: AsOf
    usd: Funds
    eaml: Funds
    coupon: Funds
    due_usd: Funds
    due_eaml: Funds


class StatementLine(_Shape):
    """An entry on one of the user's accounts, with the balance of that account after it."""

    operation: UUID
    kind: str
    transfer: int
    account: AccountName
    side: Literal["debit", "credit"]
    currency: Currency
    amount: AmountText
    balance_after: AmountText
    version: int
    position: int
    occurred_at: datetime
    recorded_at: datetime
    effective_at: datetime


class Statement(_Shape):
    """Lines in the order of positions. `next` is the cursor of the next page, null on the last."""

    user: int
    items: list[StatementLine]
    next: str | None

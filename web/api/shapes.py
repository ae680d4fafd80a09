"""Shapes of the API's answers, as OpenAPI describes them. Amounts are strings with 8 decimals.

Each class, and each type that is named by `TypeAliasType`, is a schema of that name in the document.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType

from web.api.problems import Problem

AmountText = TypeAliasType(
    "AmountText",
    Annotated[str, Field(pattern=r"^-?[0-9]{1,30}\.[0-9]{8}$", examples=["12.50000000"])],
)
Currency = TypeAliasType("Currency", Literal["USD", "EAML"])
AccountName = TypeAliasType("AccountName", Literal["usd", "eaml", "coupon", "due_usd", "due_eaml"])
Side = TypeAliasType("Side", Literal["debit", "credit"])
OperationStatus = TypeAliasType("OperationStatus", Literal["recorded", "rejected"])
HoldState = TypeAliasType("HoldState", Literal["open", "captured", "voided", "expired"])
PayoutState = TypeAliasType("PayoutState", Literal["requested", "paid", "failed"])
ContractState = TypeAliasType("ContractState", Literal["signed", "finished", "split", "cancelled"])
ProposalState = TypeAliasType("ProposalState", Literal["open", "approved", "declined", "expired"])
ProposalSubject = TypeAliasType("ProposalSubject", Literal["adjustment", "tariff", "period", "command"])
ProposerRole = TypeAliasType("ProposerRole", Literal["staff", "super_admin"])
ItemOutcome = TypeAliasType(
    "ItemOutcome",
    Literal["recorded", "rejected", "refused", "conflict", "undecided", "busy", "invalid", "failed"],
)
QuoteOutcome = TypeAliasType("QuoteOutcome", Literal["recorded", "rejected", "undecided"])
Command = TypeAliasType("Command", Annotated[dict[str, Any], Field(description="A command as it was sent.")])
Pricing = TypeAliasType(
    "Pricing",
    Annotated[dict[str, Any], Field(description="The version of the tariff and every price that was used.")],
)


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Transfer(_Shape):
    """A debit of one account and a credit of another, of the same amount.

    A user's key sees the transfers of that user, with the other side as `user:2` or `platform`.
    """

    debit: str
    credit: str
    currency: Currency
    amount: AmountText


class AccountState(_Shape):
    """An account after the operation. `version` is the number of its entries."""

    balance: AmountText
    held: AmountText
    version: int


AccountStates = TypeAliasType(
    "AccountStates",
    Annotated[
        dict[str, AccountState],
        Field(description="All accounts of the users in the operation, by code, except unused ones."),
    ],
)


class Rejection(BaseModel):
    """The reason for a rejection: a code of docs/errors.md, and fields specific to it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    code: str
    message: str


class SpentCoupon(_Shape):
    """A part of the payment (USD) that the coupon with the id `grant` paid."""

    grant: UUID
    amount: AmountText


class CouponState(_Shape):
    """A user's coupon after the operation."""

    user: int
    amount: AmountText
    remaining: AmountText
    priority: int
    granted_at: datetime
    expires_at: datetime | None
    kinds: list[str] | None
    code: str | None


CouponStates = TypeAliasType(
    "CouponStates",
    Annotated[dict[str, CouponState], Field(description="The coupons after the operation, by id.")],
)


class Decision(_Shape):
    """The ledger's decision about an operation: prices, transfers, and the accounts after it."""

    kind: str
    command: Command
    payer: int | None
    machine_owner: int | None
    pricing: Pricing | None
    transfers: list[Transfer]
    accounts: AccountStates
    rejection: Rejection | None = None
    occurred_at: datetime
    hold: UUID | None = Field(default=None, description="The hold that was placed, captured or voided.")
    final: bool | None = Field(
        default=None, description="True if nothing is left of the hold, or nothing is left to reverse."
    )
    contract: int | None = Field(
        default=None, description="The consulting contract that was signed or ended."
    )
    consultant: int | None = None
    payout: UUID | None = Field(
        default=None, description="The payout that was requested, paid or has failed."
    )
    reverses: UUID | None = Field(
        default=None, description="The operation that was reversed or charged back."
    )
    rest: AmountText | None = Field(
        default=None, description="The part of a dispute that was more than was left of the payment."
    )
    about: UUID | None = Field(default=None, description="The operation that an adjustment is about.")
    proposal: UUID | None = Field(default=None, description="The proposal that was made or resolved.")
    period: str | None = Field(default=None, description="The month that was closed or reopened.")
    proposer: str | None = None
    resolver: str | None = None
    to_promotions: AmountText | None = Field(
        default=None, description="The amount that expired coupons returned to promotions."
    )
    spent: list[SpentCoupon] | None = Field(
        default=None, description="The coupons that paid, in the order in which they were spent."
    )
    grants: CouponStates | None = None


class Hold(_Shape):
    """Money set aside. `remaining` is still held of `amount`, and `captured` was paid by captures."""

    id: UUID
    operation_user: int
    payer: int
    machine: int
    kind: str
    currency: Currency
    amount: AmountText
    remaining: AmountText
    captured: AmountText
    pricing: Pricing
    expires_at: datetime
    state: HoldState


class Payout(_Shape):
    """USD paid out to a user. The amount is held while the payout is `requested`."""

    id: UUID
    operation_user: int
    currency: Currency
    amount: AmountText
    state: PayoutState


class Contract(_Shape):
    """A consulting contract. `escrow` is the part of `amount` (USD) that is not paid or returned yet."""

    id: int = Field(description="The id of the consulting request.")
    client: int
    consultant: int
    currency: Currency
    amount: AmountText
    escrow: AmountText
    commission_rate: AmountText
    state: ContractState


class Coupon(_Shape):
    """Promotional credit (USD). `remaining` is the part of `amount` that is not spent yet."""

    id: UUID
    amount: AmountText
    remaining: AmountText
    priority: int
    kinds: list[str] | None = Field(
        description="The kinds of operations that the coupon may pay; null: no restriction."
    )
    granted_at: datetime
    expires_at: datetime | None
    code: str | None


class Coupons(_Shape):
    """A user's live coupons, in the order in which they are spent. `live` is the sum of what remains."""

    user: int
    live: AmountText
    items: list[Coupon]


class Proposal(_Shape):
    """A proposal that waits, or waited, for a second person."""

    id: UUID
    subject: ProposalSubject
    operation_user: int | None = Field(description="The user whose account is to be adjusted, if any.")
    body: dict[str, Any] = Field(
        description="The proposed change: an adjustment's account, direction and amount; a tariff's terms; "
        "a period's month and action, close or reopen; or a command as it was sent, with its source, key and "
        "stake by currency."
    )
    reason_code: str
    proposer: str
    role: ProposerRole = Field(description="The role of the proposer.")
    expires_at: datetime
    state: ProposalState
    resolver: str | None


class Proposals(_Shape):
    """Proposals, newest first."""

    items: list[Proposal]


class TariffUse(_Shape):
    """The number of operations that a version priced, counted up to a position of the log."""

    count: int
    position: int


class Tariff(_Shape):
    """A published version of the tariff for all users, or an override for a user or a team."""

    version: int
    effective_from: datetime
    published_at: datetime
    user: int | None
    team: int | None
    terms: dict[str, Any] = Field(
        description="The terms by name; amounts are strings. An override has only some of them."
    )
    operations: TariffUse | None = Field(
        default=None, description="Usage, only if a service fetches a single version."
    )


class Tariffs(_Shape):
    """Versions, latest first."""

    items: list[Tariff]


class Due(_Shape):
    """Debt in one currency, by age in days. If `credit_limit` is null, the tariff's limit applies."""

    balance: AmountText
    up_to_30: AmountText
    up_to_60: AmountText
    up_to_90: AmountText
    older: AmountText
    oldest: datetime | None
    credit_limit: AmountText | None


class Dues(_Shape):
    """A user's debts."""

    user: int
    usd: Due
    eaml: Due


class Operation(Decision):
    """An operation and the ledger's decision about it."""

    id: UUID
    status: OperationStatus
    position: int = Field(description="The position of its event in the log.")
    source: str
    request_id: str
    recorded_at: datetime
    effective_at: datetime | None = Field(
        description="The time from which the operation counts; null if rejected."
    )


class Entry(_Shape):
    """One side of a transfer. `balance_after` and `version` are null if the caller cannot see them."""

    transfer: int
    account: str
    side: Side
    currency: Currency
    amount: AmountText
    balance_after: AmountText | None
    version: int | None


class OperationWithEntries(Operation):
    """An operation with its entries. A rejected operation has none."""

    entries: list[Entry]


class OperationPage(_Shape):
    """Recorded operations, newest first. `next` is the cursor of the next page, null on the last page."""

    items: list[Operation]
    next: str | None


class BulkOutcome(_Shape):
    """The outcome of one item. `status` is the HTTP status that a request of its own would have got."""

    id: str | None = Field(description="The item's id; null if it has no valid id.")
    outcome: ItemOutcome
    status: int
    replayed: bool
    operation: UUID | None = None
    position: int | None = None
    problem: Problem | None = None


class BulkOutcomes(_Shape):
    """One outcome per item, in the order of the items."""

    outcomes: list[BulkOutcome]


class Quote(_Shape):
    """The result that the command would have now. Nothing was written."""

    outcome: QuoteOutcome
    cost: dict[Currency, AmountText] = Field(
        description="The amount that the payer pays or will owe, by currency."
    )
    decision: Decision | None = None
    problem: Problem | None = None


OperationOrQuote: TypeAlias = Operation | Quote
"""The answer of a command route with status 200: a replayed operation, or the quote of a dry run."""


class Funds(_Shape):
    """One balance. `available` can be spent; `version` is the number of the account's entries."""

    balance: AmountText
    held: AmountText
    available: AmountText
    version: int


class AsOf(_Shape):
    """The last event that changed one of the accounts. Position 0 if there is none."""

    position: int
    recorded_at: datetime | None


class Balances(_Shape):
    """A user's balances. `version` grows with every change, so that older answers can be discarded."""

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
    side: Side
    currency: Currency
    amount: AmountText
    balance_after: AmountText
    version: int
    position: int
    occurred_at: datetime
    recorded_at: datetime
    effective_at: datetime


class Statement(_Shape):
    """Statement lines by position. `next` is the cursor of the next page, null on the last page."""

    user: int
    items: list[StatementLine]
    next: str | None

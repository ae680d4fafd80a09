"""What the engine decided: operations, holds, proposals, tariffs, coupon codes, credit limits."""

from typing import Annotated, Literal

from pydantic import Field

from ledger.payloads.parts import (
    AccountState,
    Adjusted,
    Amount,
    Code,
    Command,
    ConsultingContract,
    Count,
    Grant,
    Hold,
    Id,
    Month,
    Payout,
    Period,
    Pricing,
    Proposal,
    Rejection,
    Reversed,
    Spent,
    Stored,
    Terms,
    Time,
    Transfer,
    Uuid,
)


class DecisionPayload(Stored):
    """What every decision has: who asked for what, and the balances of every user it looked at.

    Beside it the state after the event of each grant, hold, payout, contract, reversed operation, code,
    proposal and period that it changed, by id. `notes` are the HMACs of texts that are kept elsewhere.
    `effective_at` is when an operation counts for the books, where that is not when it occurred.
    """

    kind: str
    command: Command
    payer: Id | None
    transfers: list[Transfer]
    accounts: dict[str, AccountState]
    grants: dict[Uuid, Grant] | None = None
    holds: dict[str, Hold] | None = None
    payouts: dict[Uuid, Payout] | None = None
    contracts: dict[str, ConsultingContract] | None = None
    reversed: dict[Uuid, Reversed] | None = None
    codes: dict[str, Code] | None = None
    proposals: dict[Uuid, Proposal] | None = None
    adjusted: dict[str, Adjusted] | None = None
    periods: dict[Month, Period] | None = None
    credit_limits: dict[str, Amount | None] | None = None
    effective_at: Time | None = None
    notes: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] | None = None


class OperationRecorded(DecisionPayload):
    """An operation stands. `grant` is the one that expired; a proposal's fields where one was approved."""

    pricing: Pricing | None = None
    machine_owner: Id | None = None
    spent: list[Spent] | None = None
    grant: Uuid | None = None
    proposal: Uuid | None = None
    proposer: str | None = None
    resolver: str | None = None
    operation_user: Id | None = None
    contract: Id | None = None
    consultant: Id | None = None
    reason_code: str | None = None


class OperationRejected(DecisionPayload):
    """An operation was decided against."""

    rejection: Rejection


class OperationReversed(DecisionPayload):
    """All or part of an operation was taken back."""

    reverses: Uuid
    reversed_kind: str
    amount: Amount
    final: bool
    operation_user: Id | None
    to_promotions: Amount | None = None


class HoldChanged(DecisionPayload):
    """A hold was placed, voided or has expired."""

    hold: str
    operation_user: Id
    machine: Count
    machine_owner: Count
    pricing: Pricing
    expires_at: Time


class HoldRefused(DecisionPayload):
    """Nothing was set aside."""

    hold: str
    rejection: Rejection


class HoldCaptured(DecisionPayload):
    """Work was paid out of a hold: this event is its operation."""

    hold: str
    final: bool
    operation_user: Id
    machine: Count
    machine_owner: Count
    pricing: Pricing


class ProposalMade(DecisionPayload):
    """Something waits for a second person, or has waited too long: `kind` is what it is about."""

    proposal: Uuid
    proposer: str
    reason_code: str
    operation_user: Id | None = None


class ProposalDeclined(ProposalMade):
    """A second person said no."""

    resolver: str


class PayoutChanged(DecisionPayload):
    """A payout was requested or has failed, or was paid: then this event is its operation."""

    payout: Uuid
    operation_user: Id


class TariffPublished(DecisionPayload):
    """A version of the tariff, in force from a time on: everybody's, or a user's or a team's own terms.

    The first one is published without a proposal.
    """

    version: Id
    effective_from: Time
    terms: Terms
    user: Id | None = None
    team: Id | None = None
    proposal: Uuid | None = None
    proposer: str | None = None
    resolver: str | None = None
    reason_code: str | None = None


class CreditLimitSet(DecisionPayload):
    """A user got a credit limit of his own, or has the tariff's again."""

    kind: Literal["credit_limit"]


class CouponCodeCreated(DecisionPayload):
    """A coupon code can be redeemed."""

    kind: Literal["coupon_code"]


class PeriodChanged(DecisionPayload):
    """A month was closed, or opened again."""

    kind: Literal["period"]
    period: Month
    proposal: Uuid
    proposer: str
    resolver: str
    reason_code: str

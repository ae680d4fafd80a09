"""Payloads of decisions: operations, holds, payouts, proposals, tariffs, coupon codes, limits and periods."""

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
    """The fields of every decision: the command, its transfers, and the balances of every user involved.

    `grants`, `holds` and the like hold the state after the event of everything that it changed, by id.
    `notes` are the HMACs of texts that are stored outside the log. `effective_at` is set if an operation
    counts at another time than it occurred. An approved command names its `proposal` with both persons.
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
    proposal: Uuid | None = None
    proposer: str | None = None
    resolver: str | None = None
    reason_code: str | None = None
    operation_user: Id | None = None
    notes: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] | None = None


class OperationRecorded(DecisionPayload):
    """An operation was recorded.

    An expiry names its `grant`, an approved adjustment its `proposal` with both persons. `about` is the
    operation that an adjustment is about.
    """

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
    about: Uuid | None = None


class OperationRejected(DecisionPayload):
    """An operation was rejected."""

    rejection: Rejection


class OperationReversed(DecisionPayload):
    """All or part of an operation was taken back. `rest` is the part of a dispute that was not left."""

    reverses: Uuid
    reversed_kind: str
    amount: Amount
    final: bool
    operation_user: Id | None
    to_promotions: Amount | None = None
    rest: Amount | None = None


class HoldChanged(DecisionPayload):
    """A hold was placed, voided or has expired."""

    hold: str
    operation_user: Id
    machine: Count
    machine_owner: Count
    pricing: Pricing
    expires_at: Time


class HoldRefused(DecisionPayload):
    """A hold was rejected: nothing was set aside."""

    hold: str
    rejection: Rejection


class HoldCaptured(DecisionPayload):
    """Work was paid from a hold. This event is also the operation."""

    hold: str
    final: bool
    operation_user: Id
    machine: Count
    machine_owner: Count
    pricing: Pricing


class ProposalMade(DecisionPayload):
    """A proposal waits for a second person, or has expired. `kind` says what is proposed."""

    proposal: Uuid
    proposer: str
    reason_code: str
    operation_user: Id | None = None


class ProposalDeclined(ProposalMade):
    """A second person declined a proposal."""

    resolver: str


class PayoutChanged(DecisionPayload):
    """A payout was requested, was paid or has failed. If it was paid, this event is also the operation."""

    payout: Uuid
    operation_user: Id


class TariffPublished(DecisionPayload):
    """A version of the tariff: the base tariff, or a user's or a team's own terms.

    The first version is published without a proposal.
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
    """A user got an own credit limit, or has the tariff's limit again."""

    kind: Literal["credit_limit"]


class CouponCodeCreated(DecisionPayload):
    """A coupon code was created and can be redeemed."""

    kind: Literal["coupon_code"]


class CouponCodeWithdrawn(DecisionPayload):
    """A coupon code was withdrawn: it cannot be redeemed any more, and what was redeemed stays."""

    kind: Literal["coupon_code"]


class PeriodChanged(DecisionPayload):
    """A month was closed or reopened."""

    kind: Literal["period"]
    period: Month
    proposal: Uuid
    proposer: str
    resolver: str
    reason_code: str

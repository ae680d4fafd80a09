"""Decide every command of the ledger, in two steps.

`plan` needs no lock: it prices the command from what the command refers to, and names the users whose
accounts must be locked. `decide` looks at the locked state and returns the decision. Both are pure.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias, assert_never

from ledger.domain.adjustments import (
    Adjust,
    SetCreditLimit,
    adjust_or_propose,
    set_credit_limit,
)
from ledger.domain.approvals import ResolveProposal, ResolvingProposal, resolve_proposal
from ledger.domain.charging import charge
from ledger.domain.closing import ChangePeriod, propose_period_change
from ledger.domain.contracting import (
    EndContract,
    Ending,
    SignContract,
    Signing,
    end_contract,
    plan_signing,
    sign_contract,
)
from ledger.domain.errors import ProposalExpired, Rejected, UnknownOperation
from ledger.domain.granting import (
    CreateCode,
    GrantCoupon,
    RedeemCode,
    WithdrawCode,
    create_code,
    expire_grant,
    grant_coupon,
    redeem_code,
    withdraw_code,
)
from ledger.domain.holding import (
    CaptureHold,
    PlaceHold,
    Placing,
    Resolving,
    VoidHold,
    capture_hold,
    expire_hold,
    place_hold,
    void_hold,
)
from ledger.domain.known import Known
from ledger.domain.locked_state import BrokenInvariant, Decision, LockedState
from ledger.domain.money import Currency
from ledger.domain.opening import OpenBalances, open_balances
from ledger.domain.operations import Kind, RecordOperation
from ledger.domain.paying_out import (
    ConfirmPayout,
    FailPayout,
    PayingOut,
    RequestPayout,
    confirm_payout,
    fail_payout,
    request_payout,
)
from ledger.domain.pricing import Priced, commission_terms, price, tariff_user
from ledger.domain.proposing import expire_proposal
from ledger.domain.reversal_commands import ChargeBack, Reverse, Reversing, reverse
from ledger.domain.stakes import stake_of
from ledger.domain.tariff_versions import ProposeTariff, propose_tariff

Command: TypeAlias = (
    RecordOperation
    | Adjust
    | ResolveProposal
    | ProposeTariff
    | OpenBalances
    | SetCreditLimit
    | GrantCoupon
    | RedeemCode
    | CreateCode
    | WithdrawCode
    | ChangePeriod
    | PlaceHold
    | CaptureHold
    | VoidHold
    | RequestPayout
    | ConfirmPayout
    | FailPayout
    | SignContract
    | EndContract
    | Reverse
    | ChargeBack
)
Plan: TypeAlias = (
    Priced
    | Adjust
    | ResolvingProposal
    | ProposeTariff
    | OpenBalances
    | SetCreditLimit
    | GrantCoupon
    | RedeemCode
    | CreateCode
    | WithdrawCode
    | ChangePeriod
    | Placing
    | Resolving
    | RequestPayout
    | PayingOut
    | Signing
    | Ending
    | Reversing
)

OPERATION_TYPES: Final = frozenset(
    {"operation.recorded", "operation.reversed", "hold.captured", "payout.paid"}
)
"""The types of events that are operations, with a row and entries."""

REJECTION_TYPES: Final = frozenset({"operation.rejected", "hold.refused"})
"""The types of events that record a rejection."""


def plan(  # noqa: C901, PLR0911, PLR0912 (one case a command)
    command: Command, known: Known
) -> Plan:
    """Return the plan for a command. Raises `Undecided`, or `Rejected` for reasons other than balances."""
    match command:
        case RecordOperation(hold=None):
            return _price(command, known)
        case RecordOperation():
            capture = CaptureHold(
                hold=str(command.hold),
                count_of_lines=command.count_of_lines or 0,
                count_of_training_epoch=command.count_of_training_epoch,
                occurred_at=command.occurred_at,
                operation=command,
            )
            return _resolving(capture, known)
        case PlaceHold():
            return Placing(command=command, priced=_price(command.estimate, known))
        case CaptureHold() | VoidHold():
            return _resolving(command, known)
        case Reverse() | ChargeBack():
            original = known.original(_reversed_by(command, known))
            closed = frozenset(original.users) - known.users
            return Reversing(command=command, original=original, closed=closed)
        case ResolveProposal():
            proposal = known.proposal(command.proposal, command.subject)
            if proposal.user is not None and proposal.user not in known.users:
                raise ProposalExpired("the user of the proposal was deleted", proposal=proposal.id)
            proposed = None if command.proposed is None else plan(command.proposed, known)
            return ResolvingProposal(command=command, proposal=proposal, proposed=proposed)
        case ProposeTariff():
            if command.user is not None:
                known.require_user(command.user, field="user")
            if command.team is not None:
                known.require_team(command.team)
            return command
        case CreateCode() | WithdrawCode() | ChangePeriod():
            return command
        case ConfirmPayout() | FailPayout():
            payout = known.payout(command.payout)
            known.require_living(payout.user, field="payout")
            return PayingOut(command=command, payout=payout)
        case SignContract():
            return _signing(command, known)
        case EndContract():
            ending = Ending(command=command, contract=known.contract(command.contract))
            for user in ending.users:
                known.require_living(user, field="contract")
            return ending
        case SetCreditLimit():
            known.require_user(command.user)
            tariff = known.tariff(command.occurred_at, command.user)
            return replace(command, tariff_limit=tariff.credit_limit_eaml)
        case Adjust():
            known.require_user(command.user)
            about = command.adjustment.about
            if about is not None and command.user not in known.original(about).users:
                raise UnknownOperation("the operation is not the user's", field="operation", operation=about)
            return command
        case OpenBalances() | GrantCoupon() | RedeemCode() | RequestPayout():
            known.require_user(command.user)
            return command
        case _:
            assert_never(command)


def decide(  # noqa: C901, PLR0911, PLR0912 (one case a command)
    plan: Plan, locked: LockedState, *, now: datetime, event_id: str
) -> Decision:
    """Return the decision on a plan. Raises `Rejected` if the locked state does not allow it."""
    match plan:
        case Priced():
            return charge(plan, locked, now=now, event_id=event_id)
        case Adjust():
            return adjust_or_propose(plan, locked, now=now, event_id=event_id)
        case OpenBalances():
            return open_balances(plan, locked, now=now, event_id=event_id)
        case ResolvingProposal():
            return _resolve(plan, locked, now=now, event_id=event_id)
        case ProposeTariff():
            return propose_tariff(plan, now=now, event_id=event_id)
        case SetCreditLimit():
            return set_credit_limit(plan)
        case GrantCoupon():
            return grant_coupon(plan, locked, now=now, event_id=event_id)
        case RedeemCode():
            return redeem_code(plan, locked, now=now, event_id=event_id)
        case CreateCode():
            return create_code(plan, locked)
        case WithdrawCode():
            return withdraw_code(plan, locked, now=now)
        case ChangePeriod():
            return propose_period_change(plan, locked, now=now, event_id=event_id)
        case Placing():
            return place_hold(plan, locked, now=now)
        case Resolving(command=CaptureHold() as capture):
            return capture_hold(plan, capture, locked)
        case Resolving():
            return void_hold(plan, locked)
        case RequestPayout():
            return request_payout(plan, locked)
        case PayingOut(command=ConfirmPayout() as confirmed):
            return confirm_payout(plan, confirmed, locked, event_id=event_id)
        case PayingOut():
            return fail_payout(plan, locked)
        case Signing():
            return sign_contract(plan, locked)
        case Ending():
            return end_contract(plan, locked)
        case Reversing():
            return reverse(plan, locked, now=now, event_id=event_id)
        case _:
            assert_never(plan)


def reject(
    error: Rejected, command: Command, plan: Plan | None, payer: int | None, locked: LockedState
) -> Decision:
    """Return the decision that rejects a command. It changes nothing; its event has the current balances."""
    hold = command.hold if isinstance(command, PlaceHold) else None
    named: int | None = getattr(command, "operation_user", None)
    users = tuple(user for user in (plan.users if plan is not None else ()) if locked.has_user(user))
    if not users and named is not None and locked.has_user(named):
        users = (named,)
    kind = getattr(command, "kind", None) or (plan.hold.kind if isinstance(plan, Resolving) else "hold")
    facts: dict[str, Any] = {"rejection": {"code": error.code, "message": error.message, **error.details}}
    if hold is not None:
        facts["hold"] = hold
    return Decision(
        type="operation.rejected" if hold is None else "hold.refused",
        kind=str(kind),
        payer=payer or 0,
        users=users,
        facts=facts,
        stream=None if hold is None else f"hold:{hold}",
    )


def expire_overdue(locked: LockedState, user: int, *, now: datetime) -> list[Decision]:
    """Return the decisions that expire a user's overdue grants and holds, before anything else is decided."""
    grants = [expire_grant(grant) for grant in locked.user_grants(user) if grant.is_expired(now)]
    holds = [expire_hold(hold) for hold in locked.user_holds(user) if hold.is_overdue(now)]
    return grants + holds


def expire_overdue_proposals(locked: LockedState, *, now: datetime) -> list[Decision]:
    """Return the decisions that expire overdue proposals, before anything else is decided."""
    return [expire_proposal(proposal) for proposal in locked.proposals.values() if proposal.is_overdue(now)]


def _resolve(plan: ResolvingProposal, locked: LockedState, *, now: datetime, event_id: str) -> Decision:
    def carry_out_command() -> tuple[Decision, Mapping[Currency, Decimal]]:
        if plan.proposed is None or plan.command.proposed is None:
            raise BrokenInvariant("a proposal about a command without its plan")
        done = decide(plan.proposed, locked, now=now, event_id=event_id)
        stake = stake_of(plan.proposed, done, locked)
        return replace(done, occurred_at=done.occurred_at or plan.command.proposed.occurred_at), stake

    return resolve_proposal(plan, locked, now=now, event_id=event_id, carry_out_command=carry_out_command)


def _signing(command: SignContract, known: Known) -> Signing:
    offer = known.offer(command.contract)
    tariff = known.tariff(command.occurred_at, offer.consultant)
    plan = plan_signing(offer, *commission_terms(tariff, Kind.CONSULTING_PAYMENT))
    for user in (plan.contract.client, plan.contract.consultant):
        known.require_user(user, field="contract")
    return plan


def _reversed_by(command: Reverse | ChargeBack, known: Known) -> str:
    if isinstance(command, ChargeBack) and command.payment is not None:
        return known.payment(command.payment)
    return str(command.operation)


def _resolving(command: CaptureHold | VoidHold, known: Known) -> Resolving:
    hold = known.hold(command.hold)
    known.require_living(hold.user, field="hold")
    return Resolving(command=command, hold=hold)


def _price(command: RecordOperation, known: Known) -> Priced:
    known.require_user(command.operation_user)
    machine = None
    if command.machine is not None:
        machine = known.machine(command.machine, command.occurred_at)
    user = tariff_user(command, machine)
    priced = price(command, machine, known.tariff(command.occurred_at, user))
    for user in priced.users:
        # The owner at that time may have been deleted since.
        known.require_living(user, field="machine")
    return priced

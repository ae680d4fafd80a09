"""The stake of a command: how much of each currency it moves, which decides if one person may give it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, assert_never

from ledger.domain.adjustments import Adjust, SetCreditLimit
from ledger.domain.approvals import ResolvingProposal
from ledger.domain.closing import ChangePeriod
from ledger.domain.contracting import Ending, Signing
from ledger.domain.granting import CreateCode, GrantCoupon, RedeemCode, WithdrawCode
from ledger.domain.holding import CaptureHold, Placing, Resolving
from ledger.domain.limits import count_alone, stake_text
from ledger.domain.locked_state import Decision, LockedState
from ledger.domain.money import EAML, USD, ZERO, Currency
from ledger.domain.opening import OpenBalances
from ledger.domain.paying_out import PayingOut, RequestPayout
from ledger.domain.pricing import Priced
from ledger.domain.proposals import Principal, Proposal
from ledger.domain.proposing import propose
from ledger.domain.reversal_commands import Reversing
from ledger.domain.tariff_versions import ProposeTariff

if TYPE_CHECKING:
    from ledger.domain.decide import Plan

UNLIMITED: Final = Decimal("Infinity")
"""The stake of a coupon code without a maximum number of redemptions: more than any limit."""


def stake_of(  # noqa: C901, PLR0911, PLR0912 (one case a plan)
    plan: "Plan", decision: Decision, locked: LockedState
) -> Mapping[Currency, Decimal]:
    """Return the stake by currency. `locked` is the state before the decision.

    Tariffs, periods and the approval of proposals have none: they have a rule of their own. Nor has the
    withdrawal of a code, which gives nothing away.
    """
    match plan:
        case Priced():
            return {plan.currency: plan.gross}
        case Placing():
            return {plan.priced.currency: plan.priced.gross}
        case Resolving(command=CaptureHold()):
            return _moved(decision)
        case Resolving():
            return {}
        case Adjust():
            return {plan.adjustment.currency: plan.adjustment.amount}
        case GrantCoupon() | RequestPayout():
            return {USD: plan.amount}
        case RedeemCode():
            return _moved(decision)
        case CreateCode():
            most = plan.code.redemptions_max
            return {USD: UNLIMITED if most is None else plan.code.amount * most}
        case SetCreditLimit():
            now = locked.account(plan.user, "due:eaml").credit_limit
            old, new = (plan.tariff_limit if each is None else each for each in (now, plan.limit))
            return {EAML: max(new - old, ZERO)}
        case OpenBalances():
            return {USD: plan.usd + plan.coupon + plan.due_usd, EAML: plan.eaml + plan.due_eaml}
        case PayingOut():
            return {USD: plan.payout.amount}
        case Signing():
            return {}  # the client's money is in escrow, from where it can still be returned
        case Ending():
            return {USD: plan.contract.remaining}
        case Reversing():
            transfers = plan.original.transfers
            return {transfers[0].currency: Decimal(decision.facts["amount"])} if transfers else {}
        case WithdrawCode() | ResolvingProposal() | ProposeTariff() | ChangePeriod():
            return {}
        case _:
            assert_never(plan)


def limited(
    decision: Decision,
    plan: "Plan",
    locked: LockedState,
    principal: Principal,
    *,
    body: Callable[[], dict[str, Any]],
    now: datetime,
    event_id: str,
) -> Decision:
    """Return the decision, with its stake counted, or a proposal if that is more than one principal's limit.

    `body` makes the body of the proposal, from which the command is posted when it is approved.
    """
    if isinstance(plan, ResolvingProposal):
        return decision
    if isinstance(plan, Adjust | ProposeTariff | ChangePeriod):
        # Their proposals are made with their own bodies.
        states = (
            replace(each, made_by=principal.made_by) if isinstance(each, Proposal) else each
            for each in decision.states
        )
        return replace(decision, states=tuple(states))
    stake = stake_of(plan, decision, locked)
    counted = count_alone(principal, stake, locked, now=now)
    if counted is not None:
        return replace(decision, states=(*decision.states, *counted))
    return propose(
        "command",
        {**body(), "stake": {currency: stake_text(amount) for currency, amount in stake.items()}},
        user=next(iter(plan.users), None),
        reason_code="limit",
        proposer=principal.name,
        role=principal.role,
        now=now,
        event_id=event_id,
    )


def _moved(decision: Decision) -> dict[Currency, Decimal]:
    moved: dict[Currency, Decimal] = {}
    for _, _, currency, amount in decision.transfers:
        moved[currency] = moved.get(currency, ZERO) + amount
    return moved

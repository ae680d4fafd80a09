"""Every command of the ledger, decided in two steps.

`plan` needs no lock: it prices the command from what it refers to and says whose accounts must be
locked. `decide` looks at the locked state and says what happens. Both are pure.
"""

from datetime import datetime
from typing import Any, Final, TypeAlias, assert_never

from ledger.domain.adjustments import (
    Adjust,
    SetCreditLimit,
    adjust_or_propose,
    set_credit_limit,
)
from ledger.domain.approving import ResolveProposal, ResolvingProposal, resolve_proposal
from ledger.domain.book import Book, Decision
from ledger.domain.closing import ChangePeriod, propose_change
from ledger.domain.contracting import (
    EndContract,
    Ending,
    SignContract,
    Signing,
    end_contract,
    sign_contract,
    signing,
)
from ledger.domain.errors import Rejected
from ledger.domain.granting import (
    CreateCode,
    GrantCoupon,
    RedeemCode,
    create_code,
    expire_grant,
    grant_coupon,
    redeem_code,
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
from ledger.domain.pricing import Priced, commission_terms, price, terms_of
from ledger.domain.proposing import expire_proposal
from ledger.domain.publishing import ProposeTariff, propose_tariff
from ledger.domain.references import References
from ledger.domain.reversing import ChargeBack, Reverse, Reversing, reverse
from ledger.domain.settlement import settle

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
"""The types of events that are an operation with a row and entries."""

REJECTION_TYPES: Final = frozenset({"operation.rejected", "hold.refused"})
"""The types of events that say why nothing happened."""


def plan(  # noqa: C901, PLR0911, PLR0912 (one case a command)
    command: Command, references: References
) -> Plan:
    """What the command comes to. Raises `Undecided`, or `Rejected` for what no balance could change."""
    match command:
        case RecordOperation(hold=None):
            return _price(command, references)
        case RecordOperation():
            capture = CaptureHold(
                hold=str(command.hold),
                count_of_lines=command.count_of_lines or 0,
                count_of_training_epoch=command.count_of_training_epoch,
                occurred_at=command.occurred_at,
                operation=command,
            )
            return _resolving(capture, references)
        case PlaceHold():
            return Placing(command=command, priced=_price(command.estimate, references))
        case CaptureHold() | VoidHold():
            return _resolving(command, references)
        case Reverse() | ChargeBack():
            original = references.original(_reversed_by(command, references))
            closed = frozenset(original.users) - references.users
            return Reversing(command=command, original=original, closed=closed)
        case ResolveProposal():
            proposal = references.proposal(command.proposal, command.subject)
            if proposal.user is not None:
                references.require_user(proposal.user)
            return ResolvingProposal(command=command, proposal=proposal)
        case ProposeTariff():
            if command.user is not None:
                references.require_user(command.user, field="user")
            if command.team is not None:
                references.require_team(command.team)
            return command
        case CreateCode() | ChangePeriod():
            return command
        case ConfirmPayout() | FailPayout():
            payout = references.payout(command.payout)
            references.require_user(payout.user, field="payout")
            return PayingOut(command=command, payout=payout)
        case SignContract():
            return _signing(command, references)
        case EndContract():
            ending = Ending(command=command, contract=references.contract(command.contract))
            for user in ending.users:
                references.require_user(user, field="contract")
            return ending
        case OpenBalances() | Adjust() | SetCreditLimit() | GrantCoupon() | RedeemCode() | RequestPayout():
            references.require_user(command.user)
            return command
        case _:
            assert_never(command)


def decide(  # noqa: C901, PLR0911, PLR0912 (one case a command)
    plan: Plan, book: Book, *, now: datetime, event_id: str
) -> Decision:
    """What happens. Raises `Rejected` where the locked state does not allow it."""
    match plan:
        case Priced():
            return settle(plan, book, now=now, event_id=event_id)
        case Adjust():
            return adjust_or_propose(plan, book, now=now, event_id=event_id)
        case OpenBalances():
            return open_balances(plan, book, now=now, event_id=event_id)
        case ResolvingProposal():
            return resolve_proposal(plan, book, now=now, event_id=event_id)
        case ProposeTariff():
            return propose_tariff(plan, now=now, event_id=event_id)
        case SetCreditLimit():
            return set_credit_limit(plan)
        case GrantCoupon():
            return grant_coupon(plan, book, now=now, event_id=event_id)
        case RedeemCode():
            return redeem_code(plan, book, now=now, event_id=event_id)
        case CreateCode():
            return create_code(plan, book)
        case ChangePeriod():
            return propose_change(plan, book, now=now, event_id=event_id)
        case Placing():
            return place_hold(plan, book, now=now)
        case Resolving(command=CaptureHold() as capture):
            return capture_hold(plan, capture, book)
        case Resolving():
            return void_hold(plan, book)
        case RequestPayout():
            return request_payout(plan, book)
        case PayingOut(command=ConfirmPayout() as confirmed):
            return confirm_payout(plan, confirmed, book, event_id=event_id)
        case PayingOut():
            return fail_payout(plan, book)
        case Signing():
            return sign_contract(plan, book)
        case Ending():
            return end_contract(plan, book)
        case Reversing():
            return reverse(plan, book, now=now)
        case _:
            assert_never(plan)


def reject(error: Rejected, command: Command, plan: Plan | None, payer: int | None, book: Book) -> Decision:
    """The decision that says no: it changes nothing, and carries the balances that it was made by."""
    hold = command.hold if isinstance(command, PlaceHold) else None
    named: int | None = getattr(command, "operation_user", None)
    users = tuple(user for user in (plan.users if plan is not None else ()) if book.knows(user))
    if not users and named is not None and book.knows(named):
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


def overdue(book: Book, user: int, *, now: datetime) -> list[Decision]:
    """What has to happen to a user's state before anything is decided: expired grants and holds."""
    grants = [expire_grant(grant) for grant in book.user_grants(user) if grant.is_expired(now)]
    holds = [expire_hold(hold) for hold in book.user_holds(user) if hold.is_overdue(now)]
    return grants + holds


def overdue_proposals(book: Book, *, now: datetime) -> list[Decision]:
    """Of the proposals that are looked at, those that have to expire before anything is decided."""
    return [expire_proposal(proposal) for proposal in book.proposals.values() if proposal.is_overdue(now)]


def _signing(command: SignContract, references: References) -> Signing:
    offer = references.offer(command.contract)
    tariff = references.tariff(command.occurred_at, offer.consultant)
    plan = signing(offer, *commission_terms(tariff, Kind.CONSULTING_PAYMENT))
    for user in (plan.contract.client, plan.contract.consultant):
        references.require_user(user, field="contract")
    return plan


def _reversed_by(command: Reverse | ChargeBack, references: References) -> str:
    if isinstance(command, ChargeBack) and command.payment is not None:
        return references.payment(command.payment)
    return str(command.operation)


def _resolving(command: CaptureHold | VoidHold, references: References) -> Resolving:
    hold = references.hold(command.hold)
    references.require_user(hold.user, field="hold")
    return Resolving(command=command, hold=hold)


def _price(command: RecordOperation, references: References) -> Priced:
    references.require_user(command.operation_user)
    machine = None
    if command.machine is not None:
        machine = references.machine(command.machine, command.occurred_at)
    whose = terms_of(command, machine)
    priced = price(command, machine, references.tariff(command.occurred_at, whose))
    for user in priced.users:
        # The owner of that time may have been deleted since.
        references.require_user(user, field="machine")
    return priced

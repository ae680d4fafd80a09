"""Readable builders of the commands other than the nine operations, and the pure domain with a clock.

`at` is when a command occurred, by default now. Every submission has a new key unless one is given.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid4

from django.utils import timezone

from easyautoml_ledger.chargebacks import Chargeback
from easyautoml_ledger.holds import HoldCaptured, HoldRequested, HoldVoided
from easyautoml_ledger.payouts import PayoutFailed, PayoutPaid, PayoutRequested
from ledger.domain.adjustments import Adjust, Adjustment, SetCreditLimit
from ledger.domain.approvals import ResolveProposal
from ledger.domain.chart import ALLOWED_PAIRS, escrow_account, kind_of
from ledger.domain.closing import ChangePeriod, PeriodAction, PeriodChange
from ledger.domain.consulting import Contract, Offer
from ledger.domain.coupons import Code, Grant
from ledger.domain.decide import (
    OPERATION_TYPES,
    Command,
    decide,
    expire_overdue,
    expire_overdue_proposals,
    plan,
)
from ledger.domain.granting import CreateCode, GrantCoupon, RedeemCode, WithdrawCode
from ledger.domain.holds import Hold
from ledger.domain.locked_state import Account, Decision
from ledger.domain.money import ZERO, text
from ledger.domain.periods import Month
from ledger.domain.proposals import AdjustedAccount, Role, Subject, Tier
from ledger.domain.recording import event_data
from ledger.domain.reversal_commands import Reverse
from ledger.domain.reversals import Original
from ledger.domain.tariff import DEFAULT_TERMS
from ledger.domain.tariff_versions import ProposeTariff
from ledger.engine.submission import Sender, Submission
from ledger.requests import chargebacks, consulting, holds, payouts
from ledger.requests.request import submission_of
from models import Machine, User
from tests.builders import SOURCE, PureDomain, amount

ALONE_MAX: Final = Decimal("1000.00000000")


def place(
    machine: Machine | int,
    *,
    user: User | int,
    lines: int,
    hold: str | None = None,
    kind: str = "solving",
    expires_at: datetime | None = None,
    at: datetime | None = None,
    key: str | None = None,
    **more: Any,
) -> Submission:
    """Set money aside for that number of lines, by default for an hour."""
    now = at or timezone.now()
    request = HoldRequested.model_validate(
        {
            "hold": hold or str(uuid4()),
            "operation_user": _id(user),
            "kind": kind,
            "machine": _id(machine),
            "count_of_lines": lines,
            "expires_at": expires_at or now + timedelta(hours=1),
            **more,
        }
    )
    return submission_of(holds.PLACE_HOLD, request, _sender(key, now))


def capture(
    hold: str,
    *,
    lines: int,
    final: bool = True,
    epochs: int | None = None,
    at: datetime | None = None,
    key: str | None = None,
) -> Submission:
    """Pay that number of lines from a hold; a `final` capture releases the rest."""
    request = HoldCaptured(
        hold=UUID(hold),
        count_of_lines=lines,
        count_of_training_epoch=epochs,
        final=final,
        occurred_at=at,
    )
    return submission_of(holds.CAPTURE_HOLD, request, _sender(key, at))


def void(hold: str, *, at: datetime | None = None, key: str | None = None) -> Submission:
    """Void a hold."""
    request = HoldVoided(hold=UUID(hold), reason="the server was lost")
    return submission_of(holds.VOID_HOLD, request, _sender(key, at))


def request_payout(
    user: User | int,
    usd: str | int | Decimal,
    *,
    payout: str | None = None,
    at: datetime | None = None,
    key: str | None = None,
) -> Submission:
    """Set money of a user aside, to be paid out."""
    request = PayoutRequested(
        payout=UUID(payout) if payout else uuid4(),
        operation_user=_id(user),
        amount=amount(usd),
        occurred_at=at,
    )
    return submission_of(payouts.REQUEST_PAYOUT, request, _sender(key, at))


def pay(
    payout: str,
    *,
    reference: str | None = None,
    provider: str = "default",
    at: datetime | None = None,
    key: str | None = None,
) -> Submission:
    """Record that the provider has paid a payout."""
    request = PayoutPaid(
        payout=UUID(payout), occurred_at=at, payment_reference=reference, payment_provider=provider
    )
    return submission_of(payouts.CONFIRM_PAYOUT, request, _sender(key, at))


def fail(payout: str, *, at: datetime | None = None, key: str | None = None) -> Submission:
    """Record that a payout will not be paid."""
    request = PayoutFailed(payout=UUID(payout), occurred_at=at, reason="the bank does not know the account")
    return submission_of(payouts.FAIL_PAYOUT, request, _sender(key, at))


def charge_back(
    operation: str | None = None,
    value: str | int | None = None,
    *,
    reference: str | None = None,
    provider: str = "default",
    at: datetime | None = None,
    key: str | None = None,
) -> Submission:
    """Record that the provider took back this much of a payment, or all that is left of it."""
    request = Chargeback(
        operation=None if operation is None else UUID(operation),
        payment_reference=reference,
        payment_provider=provider,
        amount=None if value is None else amount(value),
        reason="the card was stolen",
        occurred_at=at,
    )
    return submission_of(chargebacks.CHARGE_BACK, request, _sender(key, at))


def sign(contract: int, *, at: datetime | None = None, key: str | None = None) -> Submission:
    """Sign a consulting request, which makes it a contract."""
    return _contract(contract, "contract", None, at, key)


def end(
    contract: int,
    step: str,
    value: str | int | None = None,
    *,
    at: datetime | None = None,
    key: str | None = None,
) -> Submission:
    """Finish, split (with this much to the consultant) or cancel a contract."""
    return _contract(contract, step, None if value is None else amount(value), at, key)


def grant(
    user: User | int,
    usd: str | int,
    *,
    expires_at: datetime | None = None,
    priority: int = 100,
    kinds: tuple[str, ...] | None = None,
    at: datetime | None = None,
    key: str | None = None,
) -> Submission:
    """Grant promotional credit to a user."""
    command = GrantCoupon(
        user=_id(user),
        amount=amount(usd),
        occurred_at=at or timezone.now(),
        expires_at=expires_at,
        priority=priority,
        kinds=kinds,
    )
    return _of("coupon_grant", command, key, operation_user=_id(user), amount=text(command.amount))


def create_code(
    name: str,
    usd: str | int,
    *,
    priority: int = 100,
    kinds: tuple[str, ...] | None = None,
    valid_days: int | None = None,
    redeem_until: datetime | None = None,
    redemptions_max: int | None = None,
    at: datetime | None = None,
    key: str | None = None,
) -> Submission:
    """Create a code that each user may redeem once."""
    code = Code(
        code=name,
        amount=amount(usd),
        priority=priority,
        kinds=kinds,
        valid_days=valid_days,
        redeem_until=redeem_until,
        redemptions_max=redemptions_max,
    )
    return _of("coupon_code", CreateCode(code=code, occurred_at=at or timezone.now()), key, code=name)


def withdraw_code(name: str, *, at: datetime | None = None, key: str | None = None) -> Submission:
    """Withdraw a coupon code."""
    command = WithdrawCode(code=name, occurred_at=at or timezone.now())
    return _of("coupon_code_withdrawal", command, key, code=name)


def redeem(name: str, *, user: User | int, at: datetime | None = None, key: str | None = None) -> Submission:
    """Redeem a code for a user."""
    command = RedeemCode(user=_id(user), code=name, occurred_at=at or timezone.now())
    return _of("coupon_redemption", command, key, operation_user=_id(user), code=name)


def reverse(
    operation: str,
    value: str | int | None = None,
    *,
    spent_by_payee: str = "due",
    at: datetime | None = None,
    key: str | None = None,
) -> Submission:
    """Reverse this much of an operation, or all that is left of it."""
    command = Reverse(
        operation=operation,
        amount=None if value is None else amount(value),
        occurred_at=at or timezone.now(),
        spent_by_payee="loss" if spent_by_payee == "loss" else "due",
    )
    return _of("reversal", command, key, operation=operation, **({} if value is None else {"amount": value}))


def adjust(
    user: User | int,
    account: AdjustedAccount,
    change: str | int | Decimal,
    *,
    actor: str = "anna",
    role: Role = "staff",
    alone_max: Decimal = ALONE_MAX,
    about: str | None = None,
    at: datetime | None = None,
    key: str | None = None,
) -> Submission:
    """Put `change` on an account of a user, or take it off if it is negative."""
    value = amount(change)
    adjustment = Adjustment(
        user=_id(user),
        account=account,
        direction="up" if value > 0 else "down",
        amount=abs(value),
        about=about,
    )
    command = Adjust(
        adjustment=adjustment,
        occurred_at=at or timezone.now(),
        actor=actor,
        role=role,
        tier=Tier(alone_max=alone_max, approve_max=None),
        reason_code="goodwill",
    )
    return _of("adjustment", command, key, operation_user=_id(user), **adjustment.body())


def change_period(
    action: PeriodAction,
    month: Month | str,
    *,
    actor: str = "anna",
    at: datetime | None = None,
    key: str | None = None,
) -> Submission:
    """Propose to close or reopen a month."""
    change = PeriodChange(action=action, month=Month.parse(str(month)))
    command = ChangePeriod(
        change=change,
        occurred_at=at or timezone.now(),
        actor=actor,
        role="staff",
        reason_code="month_end",
    )
    return _of("period", command, key, **change.body())


def approve(proposal: str, **who: Any) -> Submission:
    """Approve a proposal; see `_resolve` for the arguments."""
    return _resolve(proposal, verdict=True, **who)


def decline(proposal: str, **who: Any) -> Submission:
    """Decline a proposal; see `_resolve` for the arguments."""
    return _resolve(proposal, verdict=False, **who)


def propose_tariff(
    *,
    since: datetime | None = None,
    user: User | int | None = None,
    team: int | None = None,
    actor: str = "anna",
    key: str | None = None,
    at: datetime | None = None,
    **terms: Any,
) -> Submission:
    """Propose a version of the tariff with these terms changed, or an override for a user or a team."""
    of_one = user is not None or team is not None
    command = ProposeTariff(
        effective_from=since,
        terms=terms if of_one else {**DEFAULT_TERMS, **terms},
        occurred_at=at or timezone.now(),
        actor=actor,
        role="staff",
        reason_code="prices",
        user=None if user is None else _id(user),
        team=team,
    )
    return _of("tariff", command, key, terms=terms, user=command.user, team=team)


def limit(
    user: User | int, value: str | int | None, *, at: datetime | None = None, key: str | None = None
) -> Submission:
    """Set a user's own credit limit. None: the tariff's applies again."""
    own = None if value is None else amount(value)
    command = SetCreditLimit(user=_id(user), limit=own, occurred_at=at or timezone.now())
    return _of("credit_limit", command, key, operation_user=_id(user), limit=value)


@dataclass(slots=True, kw_only=True)
class ClockedDomain(PureDomain):
    """The pure domain with a clock that tests move. What is overdue is swept before each decision.

    Later commands can name decisions: `event(n)` is the id of the n-th decision.
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    originals: dict[str, Original] = field(default_factory=dict)
    offers: dict[int, Offer] = field(default_factory=dict)

    def offer(self, request: int, *, client: int, consultant: int, usd: str | int) -> None:
        """Add a consulting request that its consultant may approve."""
        self.offers[request] = Offer(
            request=request, client=client, consultant=consultant, amount=amount(usd), waits=True
        )
        self.locked.add_accounts([Account(escrow_account(request), client, credit_normal=True)])

    def escrow(self, contract: int) -> Decimal:
        """Return the balance of a contract's escrow."""
        return self.locked.accounts[escrow_account(contract)].balance

    def later(self, *, seconds: float = 0, minutes: float = 0, days: float = 0) -> datetime:
        """Move the clock; return the new time."""
        self.now += timedelta(seconds=seconds, minutes=minutes, days=days)
        return self.now

    def sweep(self) -> list[dict[str, Any]]:
        """Expire what is overdue; return the data of the events."""
        expiring = [
            decision for user in self.users for decision in expire_overdue(self.locked, user, now=self.now)
        ]
        expiring += expire_overdue_proposals(self.locked, now=self.now)
        return [self._evolve(decision, {"type": decision.type}) for decision in expiring]

    def decide(self, submission: Submission) -> dict[str, Any]:
        """Decide; return the data of the event. Raises `Rejected` or `Undecided`, with nothing decided."""
        self.sweep()
        known = replace(
            self.known,
            holds=self.locked.holds,
            proposals=self.locked.proposals,
            payouts=self.locked.payouts,
            payments=self.locked.payments,
            offers=self.offers,
            contracts=self.locked.contracts,
            originals=self.originals,
        )
        planned = plan(submission.command, known)
        decision = decide(planned, self.locked, now=self.now, event_id=event(len(self.events)))
        return self._evolve(decision, submission.sent)

    def _evolve(self, decision: Decision, sent: Mapping[str, Any]) -> dict[str, Any]:
        event_id = event(len(self.events))
        self.locked.apply(decision)
        self._check(decision)
        data = event_data(decision, sent, self.locked)
        self.events.append(data)
        if decision.type in OPERATION_TYPES:
            self.originals[event_id] = Original(id=event_id, type=decision.type, data=data)
        return data

    def _check(self, decision: Decision) -> None:
        """Check that pairs are allowed, Σ grants = coupons, and Σ holds and payouts = held."""
        for debit, credit, _, _ in decision.transfers:
            assert (str(decision.kind), kind_of(debit), kind_of(credit)) in ALLOWED_PAIRS
        for user in decision.users:
            assert sum(self.grants(user).values(), ZERO) == self.locked.balance(user, "coupon")
            assert sum((hold.remaining for hold in self.locked.user_holds(user)), ZERO) == self.held(user)
            waiting = (each.remaining for each in self.locked.payouts.values() if each.user == user)
            assert sum(waiting, ZERO) == self.locked.account(user, "usd").held
        for contract in (each for each in decision.states if isinstance(each, Contract)):
            assert contract.remaining == self.escrow(contract.id)

    @property
    def last(self) -> str:
        """Return the id of the last decision."""
        return event(len(self.events) - 1)

    def hold(self, hold: str) -> Hold:
        """Return the current state of a hold."""
        return self.locked.holds[hold]

    def grants(self, user: int) -> dict[str, Decimal]:
        """Return what remains of the user's grants, by id, in the order they were granted."""
        return {grant.id: grant.remaining for grant in self.locked.user_grants(user)}

    def held(self, user: int) -> Decimal:
        """Return the amount of the user's tokens that is set aside."""
        return self.locked.account(user, "eaml").held


def event(number: int) -> str:
    """Return the id of a decision in `ClockedDomain`."""
    return f"00000000-0000-7000-8000-{number:012d}"


@contextmanager
def nothing_changes(domain: PureDomain) -> Iterator[None]:
    """Fail if a refusal changed anything."""
    before = state_of(domain)
    yield
    assert state_of(domain) == before


def state_of(domain: PureDomain) -> Sequence[Any]:
    """Return everything that a decision may change."""
    locked = domain.locked
    accounts = {
        code: (account.balance, account.held, account.version, account.credit_limit)
        for code, account in locked.accounts.items()
    }
    kept: list[Mapping[str, Any]] = [
        locked.holds,
        locked.reversed,
        locked.codes,
        locked.proposals,
        locked.adjusted,
    ]
    # Each domain gives a payment a reference of its own, so only the paid operations are compared.
    kept += [
        locked.payouts,
        {paid: True for each in locked.payments.values() for paid in each.payments.values()},
    ]
    grants: dict[int, dict[str, Grant]] = {user: dict(own) for user, own in locked.grants.items()}
    return [accounts, grants, dict(locked.contracts), *map(dict, kept)]


def _resolve(
    proposal: str,
    *,
    verdict: bool,
    actor: str = "bert",
    role: Role = "staff",
    approve_max: Decimal | None = None,
    subject: Subject = "adjustment",
    at: datetime | None = None,
    key: str | None = None,
) -> Submission:
    command = ResolveProposal(
        proposal=proposal,
        subject=subject,
        approve=verdict,
        actor=actor,
        role=role,
        tier=Tier(alone_max=ALONE_MAX, approve_max=approve_max),
        occurred_at=at or timezone.now(),
    )
    return _of(
        subject,
        command,
        key,
        proposal=proposal,
        verdict="approve" if verdict else "decline",
        actor=actor,
    )


def _contract(
    contract: int, step: str, value: Decimal | None, at: datetime | None, key: str | None
) -> Submission:
    sender = _sender(key, at)
    if value is not None:
        return submission_of(
            consulting.SPLIT_CONTRACT, consulting.Split(contract=contract, amount=value), sender
        )
    return submission_of(consulting.STEPS[step], consulting.ContractStep(contract=contract), sender)


def _of(type_: str, command: Command, key: str | None, **sent: Any) -> Submission:
    return Submission(sender=_sender(key), command=command, sent={"type": type_, **sent})


def _sender(key: str | None, at: datetime | None = None) -> Sender:
    return Sender(
        source=SOURCE, request_id=key or str(uuid4()), received_at=at or timezone.now(), actor="test"
    )


def _id(row: User | Machine | int) -> int:
    return row if isinstance(row, int) else row.pk

"""Builds the submissions of the requests in `bodies` and `terms`, for HTTP, administration and commands.

Each function is named for its request. `who` are the remaining fields of `Submission`: source, key, actor.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from ledger.domain.adjustments import Adjustment, SetCreditLimit
from ledger.domain.closing import ChangePeriod, PeriodChange
from ledger.domain.coupons import Code
from ledger.domain.decide import Command
from ledger.domain.granting import CreateCode, GrantCoupon, RedeemCode, WithdrawCode
from ledger.domain.proposals import Principal, Role, Subject
from ledger.domain.reversal_commands import Reverse
from ledger.domain.tariff_versions import ProposeTariff
from ledger.engine import proposed_commands
from ledger.engine.submission import Submission
from ledger.queries import proposals
from ledger.requests import bodies, four_eyes, terms
from ledger.requests.consulting import step_command

_NOTES: Final = ("reason", "evidence")


def submission_for(command: Command, body: bodies.Body, fields: Mapping[str, Any], **who: Any) -> Submission:
    """Return a command's submission: `sent` is the body with these fields, its free texts become notes."""
    sent = {**fields, **body.model_dump(mode="json", exclude_defaults=True, exclude=set(_NOTES))}
    texts = {name: getattr(body, name, None) for name in _NOTES}
    notes = {name: text for name, text in texts.items() if text is not None}
    return Submission(command=command, sent=sent, notes=notes, **who)


def reverse_operation(body: bodies.Reversal, operation: UUID, *, now: datetime, **who: Any) -> Submission:
    """Return the submission that takes back all or part of an operation."""
    command = Reverse(
        operation=str(operation),
        amount=body.amount,
        occurred_at=now,
        spent_by_payee=settings.LEDGER_SPENT_BY_PAYEE,
    )
    return submission_for(command, body, {"type": "reversal", "operation": str(operation)}, **who)


def grant_coupon(body: bodies.Coupon, *, now: datetime, **who: Any) -> Submission:
    """Return the submission that gives a user promotional credit."""
    command = GrantCoupon(
        user=body.operation_user,
        amount=body.amount,
        occurred_at=now,
        expires_at=body.expires_at,
        priority=body.priority,
        kinds=body.kinds,
    )
    return submission_for(command, body, {"type": "coupon_grant"}, **who)


def create_code(body: bodies.CodeToRedeem, *, now: datetime, **who: Any) -> Submission:
    """Return the submission that creates a coupon code."""
    command = CreateCode(code=Code(**body.model_dump()), occurred_at=now)
    return submission_for(command, body, {"type": "coupon_code"}, **who)


def withdraw_code(body: bodies.CodeToWithdraw, *, now: datetime, **who: Any) -> Submission:
    """Return the submission that withdraws a coupon code."""
    command = WithdrawCode(code=body.code, occurred_at=now)
    return submission_for(command, body, {"type": "coupon_code_withdrawal"}, **who)


def redeem_code(body: bodies.Redemption, *, now: datetime, **who: Any) -> Submission:
    """Return the submission that redeems a coupon code for a user."""
    command = RedeemCode(user=body.operation_user, code=body.code, occurred_at=now)
    return submission_for(command, body, {"type": "coupon_redemption"}, **who)


def set_credit_limit(body: bodies.CreditLimit, user: int, *, now: datetime, **who: Any) -> Submission:
    """Return the submission that sets a user's credit limit."""
    command = SetCreditLimit(user=user, limit=body.limit, occurred_at=now)
    return submission_for(command, body, {"type": "credit_limit", "operation_user": user}, **who)


def take_contract_step(
    body: bodies.Body, contract: int, step: str, *, now: datetime, **who: Any
) -> Submission:
    """Return the submission of a consulting contract's step: `contract`, `finish`, `split` or `cancel`."""
    amount = body.amount if isinstance(body, bodies.Split) else None
    command = step_command(contract, step, amount, now=now)
    fields = {"type": command.kind.value, "contract": contract, "step": step}
    return submission_for(command, body, fields, **who)


def adjust_balance(
    body: bodies.Adjustment,
    *,
    role: Role,
    now: datetime,
    actor: str,
    principal: Principal | None = None,
    **who: Any,
) -> Submission:
    """Return the submission that adjusts a balance, or proposes to when it is above the role's limit."""
    adjustment = Adjustment(
        user=body.operation_user,
        account=body.account,
        direction=body.direction,
        amount=body.amount,
        about=None if body.operation is None else str(body.operation),
    )
    command = four_eyes.adjust_command(
        adjustment=adjustment,
        reason_code=body.reason_code,
        actor=actor,
        role=role,
        occurred_at=now,
        made_by=None if principal is None else principal.made_by,
    )
    return submission_for(command, body, {"type": "adjustment"}, actor=actor, principal=principal, **who)


def change_period(
    body: bodies.PeriodProposal, change: PeriodChange, *, role: Role, now: datetime, actor: str, **who: Any
) -> Submission:
    """Return the submission that proposes to close or reopen a period."""
    command = ChangePeriod(
        change=change, occurred_at=now, actor=actor, role=role, reason_code=body.reason_code
    )
    return submission_for(command, body, {"type": "period", **change.body()}, actor=actor, **who)


def propose_tariff(
    body: terms.Tariff | terms.TariffOverride, *, role: Role, now: datetime, actor: str, **who: Any
) -> Submission:
    """Return the submission that proposes a tariff version: for everyone, one user or one team."""
    override = body if isinstance(body, terms.TariffOverride) else None
    command = ProposeTariff(
        effective_from=body.effective_from,
        user=None if override is None else override.user,
        team=None if override is None else override.team,
        terms=terms.stored(body.terms),
        occurred_at=now,
        actor=actor,
        role=role,
        reason_code=body.reason_code,
    )
    return submission_for(command, body, {"type": "tariff"}, actor=actor, **who)


def resolve_proposal(
    body: bodies.Body,
    proposal: UUID,
    subject: Subject,
    *,
    approve: bool,
    role: Role,
    now: datetime,
    actor: str,
    principal: Principal | None = None,
    **who: Any,
) -> Submission:
    """Return the submission that approves or declines a proposal about a subject.

    That of an approved command has the fields and the metadata of the command.
    """
    found = proposals.find(str(proposal)) if approve and subject == "command" else None
    proposed, notes = None, dict[str, str]()
    fields: dict[str, Any] = {"type": subject}
    if found is not None and found.subject == "command":
        proposed, notes = proposed_commands.command_of(found)
        fields = dict(found.body["sent"])
        who["also"] = {**found.body["also"], **who.get("also", {}), "approved_by": actor}
    command = four_eyes.resolve_command(
        proposal=str(proposal),
        subject=subject,
        approve=approve,
        actor=actor,
        role=role,
        occurred_at=now,
        made_by=None if principal is None else principal.made_by,
        proposed=proposed,
    )
    fields |= {"proposal": str(proposal), "verdict": "approve" if approve else "decline"}
    submission = submission_for(command, body, fields, actor=actor, principal=principal, **who)
    return replace(submission, notes={**submission.notes, **notes})

"""Commands in proposals: each is read back as it was stored, and a payment reference is never stored."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, get_args
from uuid import UUID

import pytest

from events.identifiers import uuid7
from ledger.domain.adjustments import Adjust, SetCreditLimit
from ledger.domain.approvals import ResolveProposal
from ledger.domain.closing import ChangePeriod
from ledger.domain.contracting import EndContract, SignContract
from ledger.domain.coupons import Code
from ledger.domain.decide import Command
from ledger.domain.granting import CreateCode, GrantCoupon, RedeemCode, WithdrawCode
from ledger.domain.holding import CaptureHold, PlaceHold, VoidHold
from ledger.domain.opening import OpenBalances
from ledger.domain.operations import Kind, RecordOperation
from ledger.domain.paying_out import ConfirmPayout, FailPayout, RequestPayout
from ledger.domain.payment_references import PaymentName
from ledger.domain.proposals import Proposal
from ledger.domain.reversal_commands import ChargeBack, Reverse
from ledger.domain.tariff_versions import ProposeTariff
from ledger.engine.proposed_commands import body_of, command_of
from ledger.engine.submission import Sender, Submission

AT = datetime(2026, 11, 28, 12, tzinfo=UTC)
PAYMENT = PaymentName(digest="ab", provider="stripe")
ONE = Decimal("1.50000000")
ID = "0198c9a4-7b1e-7c3a-9f57-0a2f4d6b8c10"
OPERATION = RecordOperation(
    kind=Kind.SOLVING, operation_user=2, occurred_at=AT, machine=1, count_of_lines=7, unit_price=ONE
)
CODE = Code(
    code="A-1", amount=ONE, priority=1, kinds=None, valid_days=None, redeem_until=AT, redemptions_max=None
)
COMMANDS: list[Any] = [
    OPERATION,
    replace(OPERATION, hold=UUID(ID), payment=PAYMENT),
    PlaceHold(hold=ID, estimate=OPERATION, expires_at=AT),
    CaptureHold(hold=ID, count_of_lines=7, count_of_training_epoch=None, occurred_at=AT),
    VoidHold(hold=ID, occurred_at=AT),
    GrantCoupon(user=2, amount=ONE, occurred_at=AT, expires_at=AT, kinds=("pay_a_bill",)),
    RedeemCode(user=2, code="A-1", occurred_at=AT),
    CreateCode(code=CODE, occurred_at=AT),
    WithdrawCode(code="A-1", occurred_at=AT),
    SetCreditLimit(user=2, limit=None, occurred_at=AT),
    OpenBalances(user=2, occurred_at=AT, usd=ONE),
    RequestPayout(payout=ID, user=2, amount=ONE, occurred_at=AT),
    ConfirmPayout(payout=ID, occurred_at=AT, payment=PAYMENT),
    FailPayout(payout=ID, occurred_at=AT),
    SignContract(contract=2, occurred_at=AT),
    EndContract(contract=2, step="split", occurred_at=AT, amount=ONE),
    Reverse(operation=ID, amount=None, occurred_at=AT, spent_by_payee="loss"),
    ChargeBack(operation=None, payment=PAYMENT, amount=ONE, occurred_at=AT),
]


@pytest.mark.django_db
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_a_command_is_read_back_as_it_was_stored(command: Command) -> None:
    """Without the digest of a payment reference, which is made again from the note."""
    sender = Sender(source="/s", request_id="k", received_at=AT)
    body = body_of(Submission(sender=sender, command=command, sent={"type": "t"}))
    proposal = Proposal(
        id=uuid7(),
        subject="command",
        user=None,
        body=body,
        reason_code="limit",
        proposer="user:1",
        role="staff",
        expires_at=AT,
    )
    stored = command
    if isinstance(command, RecordOperation | ConfirmPayout | ChargeBack):
        stored = replace(command, payment=None)
    assert command_of(proposal) == (stored, {})


def test_every_command_with_a_stake_can_be_stored() -> None:
    """The others have proposals of their own, or are not proposed."""
    own = {Adjust, ProposeTariff, ChangePeriod, ResolveProposal}
    assert {type(each) for each in COMMANDS} == set(get_args(Command)) - own

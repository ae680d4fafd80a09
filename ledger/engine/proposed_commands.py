"""Stores a command in a proposal to a second person, and reads it back to post it once it is approved.

The digest of a payment reference is left out: it is made again from the note of the proposal, so that nothing
of the reference is left once that note is erased.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from django.db import connection
from pydantic import TypeAdapter

from easyautoml_ledger.operations import DEFAULT_PAYMENT_PROVIDER
from ledger.domain.adjustments import SetCreditLimit
from ledger.domain.contracting import EndContract, SignContract
from ledger.domain.decide import Command
from ledger.domain.granting import CreateCode, GrantCoupon, RedeemCode, WithdrawCode
from ledger.domain.holding import CaptureHold, PlaceHold, VoidHold
from ledger.domain.opening import OpenBalances
from ledger.domain.operations import Kind, RecordOperation
from ledger.domain.paying_out import ConfirmPayout, FailPayout, RequestPayout
from ledger.domain.payment_references import payment_name
from ledger.domain.proposals import Proposal
from ledger.domain.reversal_commands import ChargeBack, Reverse
from ledger.engine.payment_references import NOTE
from ledger.engine.submission import Submission

_CLASSES: Final[Mapping[str, Any]] = {
    "operation": RecordOperation,
    "place_hold": PlaceHold,
    "capture_hold": CaptureHold,
    "void_hold": VoidHold,
    "grant_coupon": GrantCoupon,
    "redeem_code": RedeemCode,
    "create_code": CreateCode,
    "withdraw_code": WithdrawCode,
    "set_credit_limit": SetCreditLimit,
    "opening_balances": OpenBalances,
    "request_payout": RequestPayout,
    "confirm_payout": ConfirmPayout,
    "fail_payout": FailPayout,
    "sign_contract": SignContract,
    "end_contract": EndContract,
    "reverse": Reverse,
    "charge_back": ChargeBack,
}
"""The commands with a stake, by the name that proposals store. The names are never changed."""
_NAMES: Final = {each: name for name, each in _CLASSES.items()}
_ADAPTERS: Final = {name: TypeAdapter(each) for name, each in _CLASSES.items()}


def body_of(submission: Submission) -> dict[str, Any]:
    """Return the body of the proposal of a command: the command, as sent and parsed, its source and key."""
    command = submission.command
    if isinstance(command, RecordOperation | ConfirmPayout | ChargeBack):
        command = replace(command, payment=None)
    name = _NAMES[type(command)]
    return {
        "command": name,
        "values": _ADAPTERS[name].dump_python(command, mode="json"),
        "sent": dict(submission.sent),
        "source": submission.sender.source,
        "key": submission.sender.request_id,
        "also": dict(submission.sender.also),
    }


def command_of(proposal: Proposal) -> tuple[Command, dict[str, str]]:
    """Return the command of a proposal, and the notes that its event needs: the payment reference, if any."""
    body = proposal.body
    command: Command = _ADAPTERS[body["command"]].validate_python(body["values"])
    reference = _payment_reference(proposal.id)
    if reference is None:
        return command, {}
    provider = body["sent"].get("payment_provider", DEFAULT_PAYMENT_PROVIDER)
    match command:
        case RecordOperation():
            command = replace(command, payment=payment_name(command.kind, provider, reference))
        case ConfirmPayout():
            command = replace(command, payment=payment_name(Kind.PAYOUT, provider, reference))
        case ChargeBack():
            command = replace(command, payment=payment_name(Kind.CREDIT_FROM_USER, provider, reference))
        case _:
            return command, {}
    return command, {NOTE: reference}


def _payment_reference(event: str) -> str | None:
    with connection.cursor() as cursor:
        cursor.execute("select text from events_note where event_id = %s and name = %s", [event, NOTE])
        row = cursor.fetchone()
    return None if row is None else row[0]

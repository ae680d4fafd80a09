"""Maps each event type to its model, and reads and writes payloads."""

from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from . import chargebacks, control_total, holds, outcomes, payouts, reference, strict_json, topics
from .envelope import CloudEvent
from .errors import ContractError, first_contract_error
from .operations import OPERATION_ADAPTER, parse_operation

ADAPTERS: dict[str, TypeAdapter[Any]] = {
    topics.OPERATION: OPERATION_ADAPTER,
    topics.HOLD_REQUESTED: TypeAdapter(holds.HoldRequested),
    topics.HOLD_CAPTURED: TypeAdapter(holds.HoldCaptured),
    topics.HOLD_VOIDED: TypeAdapter(holds.HoldVoided),
    topics.PAYOUT_REQUESTED: TypeAdapter(payouts.PayoutRequested),
    topics.PAYOUT_PAID: TypeAdapter(payouts.PayoutPaid),
    topics.PAYOUT_FAILED: TypeAdapter(payouts.PayoutFailed),
    topics.CHARGEBACK: TypeAdapter(chargebacks.Chargeback),
    topics.USER: TypeAdapter(reference.User),
    topics.MACHINE: TypeAdapter(reference.Machine),
    topics.WORK: TypeAdapter(reference.Work),
    topics.CONTROL_TOTAL: TypeAdapter(control_total.ControlTotal),
    topics.BILLING_OPERATION_RECORDED: TypeAdapter(outcomes.OperationRecorded),
    topics.BILLING_OPERATION_REJECTED: TypeAdapter(outcomes.OperationRejected),
    topics.BILLING_OPERATION_REVERSED: TypeAdapter(outcomes.OperationReversed),
    topics.BILLING_HOLD_PLACED: TypeAdapter(outcomes.HoldPlaced),
    topics.BILLING_HOLD_REFUSED: TypeAdapter(outcomes.HoldRefused),
    topics.BILLING_HOLD_CAPTURED: TypeAdapter(outcomes.HoldCapturedOutcome),
    topics.BILLING_HOLD_VOIDED: TypeAdapter(outcomes.HoldVoidedOutcome),
    topics.BILLING_HOLD_EXPIRED: TypeAdapter(outcomes.HoldExpired),
    topics.BILLING_PAYOUT_REQUESTED: TypeAdapter(outcomes.PayoutRequestedOutcome),
    topics.BILLING_PAYOUT_PAID: TypeAdapter(outcomes.PayoutPaidOutcome),
    topics.BILLING_PAYOUT_FAILED: TypeAdapter(outcomes.PayoutFailedOutcome),
    topics.BILLING_CONTROL_TOTAL: TypeAdapter(outcomes.ControlTotalCompared),
    topics.BILLING_BALANCE: TypeAdapter(outcomes.Balance),
}


def parse_payload(event: CloudEvent) -> BaseModel:
    """Return the payload of ``event`` as the model of its type.

    Raises ``ContractError``: ``unsupported_type``, or the first error in the payload.
    """
    if event.type == topics.OPERATION:
        return parse_operation(event.data)
    adapter = ADAPTERS.get(event.type)
    if adapter is None:
        raise ContractError("unsupported_type", "there is no contract for this type", "type")
    value = strict_json.loads(event.data)
    try:
        payload: BaseModel = adapter.validate_python(value)
    except ValidationError as error:
        raise first_contract_error(error) from None
    return payload


def encode(payload: BaseModel) -> bytes:
    """Return the JSON bytes of a payload. Absent and null fields are left out."""
    return payload.model_dump_json(exclude_none=True).encode()

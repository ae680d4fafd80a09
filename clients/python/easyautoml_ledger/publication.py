"""Messages to the ledger. Their id, key and bytes are fixed when they are prepared."""

import secrets
import time as clock
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import NoReturn, Optional, Union
from uuid import UUID

from .chargebacks import Chargeback
from .control_total import ControlTotal
from .envelope import MAX_ID_CHARACTERS, CloudEvent, parse, to_kafka
from .holds import HoldCaptured, HoldMessage, HoldRequested, HoldVoided
from .operations import MODEL_OF_KIND, Operation, Training
from .payloads import encode
from .payouts import PayoutFailed, PayoutMessage, PayoutPaid, PayoutRequested
from .topics import (
    CHARGEBACK,
    CONTROL_TOTAL,
    HOLD_CAPTURED,
    HOLD_REQUESTED,
    HOLD_VOIDED,
    MARKETPLACE_OPERATIONS,
    OPERATION,
    PAYOUT_FAILED,
    PAYOUT_PAID,
    PAYOUT_REQUESTED,
    TOPIC_OF_KIND,
    TRAINING_OPERATIONS,
)

Payload = Union[Operation, HoldMessage, PayoutMessage, Chargeback, ControlTotal]

_TYPE_OF: Mapping[type, str] = {
    **dict.fromkeys(MODEL_OF_KIND.values(), OPERATION),
    HoldRequested: HOLD_REQUESTED,
    HoldCaptured: HOLD_CAPTURED,
    HoldVoided: HOLD_VOIDED,
    PayoutRequested: PAYOUT_REQUESTED,
    PayoutPaid: PAYOUT_PAID,
    PayoutFailed: PAYOUT_FAILED,
    Chargeback: CHARGEBACK,
    ControlTotal: CONTROL_TOTAL,
}


@dataclass(frozen=True)
class Publication:
    """A message, the same bytes each time it is sent.

    ``id`` is unique within ``source``, and the ledger identifies duplicates by the pair: sending
    this object again never charges twice. ``key`` is the payer's user id as a string.
    """

    id: str
    source: str
    topic: str
    key: str
    payload: Payload
    headers: tuple[tuple[str, bytes], ...]
    value: bytes


class PublishFailed(Exception):
    """The broker did not acknowledge these publications; some of them may have arrived.

    Send them again with ``Publisher.send``: those that arrived are not recorded twice.
    """

    def __init__(self, publications: Sequence[Publication], reason: str) -> None:
        super().__init__(f"{len(publications)} not acknowledged: {reason}")
        self.publications = tuple(publications)
        self.reason = reason


def prepare(
    payload: Payload,
    *,
    source: str,
    key: Optional[int] = None,
    topic: Optional[str] = None,
    id: Optional[str] = None,  # noqa: A002 (the attribute's name in CloudEvents)
    time: Optional[datetime] = None,
    extensions: Optional[Mapping[str, str]] = None,
) -> Publication:
    """Return the message for ``payload``, by default with a new id.

    ``key`` is the payer's user id, by default the operation's user. It is required for
    trainings, which the machine's owner pays for; for holds; and for chargebacks, ``PayoutPaid``
    and ``PayoutFailed``, which name no user. ``time`` applies if the payload has no
    ``occurred_at``; the default is now. Raises ``ValueError`` if the key is missing or an
    attribute is invalid.
    """
    event = CloudEvent(
        id=new_id() if id is None else id,
        source=source,
        type=_TYPE_OF[type(payload)],
        data=encode(payload),
        time=getattr(payload, "occurred_at", None) or time or datetime.now(timezone.utc),
        extensions=dict(extensions or {}),
    )
    headers, value = to_kafka(event)
    parse(headers, value)  # raises for anything that the ledger could not read
    return Publication(
        id=event.id,
        source=source,
        topic=topic or _topic_of(payload),
        key=_key_of(payload, key),
        payload=payload,
        headers=tuple(headers),
        value=value,
    )


def new_id() -> str:
    """Return a UUID of version 7: unique, and sorted by creation time to the millisecond."""
    milliseconds = clock.time_ns() // 1_000_000
    bits = (milliseconds << 80) | secrets.randbits(80)
    bits = bits & ~(0xF << 76) | (0x7 << 76)  # the version
    bits = bits & ~(0x3 << 62) | (0x2 << 62)  # the variant
    return str(UUID(int=bits))


def check_request_id(request_id: str) -> str:
    """Return the id. Raises ``ValueError`` if it cannot be an Idempotency-Key in HTTP."""
    if not 1 <= len(request_id) <= MAX_ID_CHARACTERS:
        raise ValueError(f"an id must have 1 to {MAX_ID_CHARACTERS} characters")
    if not (request_id.isascii() and request_id.isprintable()):
        raise ValueError("over HTTP an id must be printable ASCII")
    return request_id


def _topic_of(payload: Payload) -> str:
    if isinstance(payload, Operation):
        return TOPIC_OF_KIND[payload.type]
    if isinstance(payload, HoldMessage):
        return TRAINING_OPERATIONS
    if isinstance(payload, (PayoutMessage, Chargeback)):
        return MARKETPLACE_OPERATIONS
    return _missing("topic", "a control total goes to the topic whose messages it counts")


def _key_of(payload: Payload, key: Optional[int]) -> str:
    if key is not None:
        return str(key)
    if isinstance(payload, Training):
        return _missing("key", "a training is paid by the machine's owner")
    if isinstance(payload, (Operation, PayoutRequested)):
        return str(payload.operation_user)
    if isinstance(payload, HoldMessage):
        return _missing("key", "the key of all messages of a hold is the payer's user id")
    if isinstance(payload, (PayoutMessage, Chargeback)):
        return _missing("key", "the key of a payout or chargeback is the user id of the owner of the money")
    return "control-total"


def _missing(argument: str, why: str) -> NoReturn:
    raise ValueError(f"pass {argument}: {why}")

"""Maps each event type to its model, and reads and writes payloads."""

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from . import chargebacks, control_total, holds, outcomes, payouts, reference, strict_json
from .envelope import CloudEvent
from .errors import ContractError, first_contract_error
from .message import Message
from .operations import MODEL_OF_KIND, OPERATION_ADAPTER, Operation, parse_operation
from .topics import TOPICS


def _messages_of(module: ModuleType) -> Iterator[type[Message]]:
    """Yield the classes that the module gives an event type, in the order of its text."""
    for value in vars(module).values():
        if (
            isinstance(value, type)
            and issubclass(value, Message)
            and value.__module__ == module.__name__
            and "event_type" in vars(value)
        ):
            yield value


_MESSAGES: tuple[type[Message], ...] = tuple(
    message
    for module in (holds, payouts, chargebacks, reference, control_total, outcomes)
    for message in _messages_of(module)
)

ADAPTERS: dict[str, TypeAdapter[Any]] = {
    Operation.event_type: OPERATION_ADAPTER,
    **{message.event_type: TypeAdapter(message) for message in _MESSAGES},
}

# The event types that each topic carries; none if messages keep their original type (dead letters).
TYPES_OF_TOPIC: Mapping[str, tuple[str, ...]] = {
    topic: tuple(
        dict.fromkeys(
            message.event_type for message in (*MODEL_OF_KIND.values(), *_MESSAGES) if topic in message.topics
        )
    )
    for topic in TOPICS
}


def is_incoming(event_type: str) -> bool:
    """Return whether the ledger reads this type; it publishes all others."""
    return any(event_type in TYPES_OF_TOPIC[name] for name, topic in TOPICS.items() if topic.incoming)


def parse_payload(event: CloudEvent) -> Message:
    """Return the payload of ``event`` as the model of its type.

    Raises ``ContractError``: ``unsupported_type``, or the first error in the payload.
    """
    if event.type == Operation.event_type:
        return parse_operation(event.data)
    adapter = ADAPTERS.get(event.type)
    if adapter is None:
        raise ContractError("unsupported_type", "there is no contract for this type", "type")
    value = strict_json.loads(event.data)
    try:
        payload: Message = adapter.validate_python(value)
    except ValidationError as error:
        raise first_contract_error(error) from None
    return payload


def encode(payload: BaseModel) -> bytes:
    """Return the JSON bytes of a payload. Absent and null fields are left out."""
    return payload.model_dump_json(exclude_none=True).encode()

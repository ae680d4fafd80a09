"""Posts the messages of commands from Kafka; their type decides which request each one is."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from easyautoml_ledger import envelope, topics
from easyautoml_ledger.control_total import ControlTotal
from easyautoml_ledger.envelope import CloudEvent
from easyautoml_ledger.errors import ContractError
from easyautoml_ledger.operations import Operation
from easyautoml_ledger.payloads import TYPES_OF_TOPIC, parse_payload
from events.kafka import stored_messages
from events.kafka.handler import Locked, MessageHandler, TryAgain
from events.kafka.message import Message
from events.kafka.stored_messages import Parked, Waiting
from ledger.domain.errors import Busy, Invalid, LockTimeout
from ledger.engine.posting import post
from ledger.engine.submission import Outcome, Sender, Submission
from ledger.intake import control_totals
from ledger.requests.catalog import REQUESTS
from ledger.requests.four_eyes import actor_of_service
from ledger.requests.operations import OPERATIONS
from ledger.requests.request import Request, submission_of

_REQUESTS: Final[Mapping[str, Request[Any]]] = {
    event_type: request
    for request in REQUESTS
    if (event_type := getattr(request.message, "event_type", None)) is not None
}
"""The requests that Kafka carries, by event type. All operations have one type."""


class MessageRefused(Exception):
    """A readable message that the ledger does not accept: a dead letter with `code`, which is stable."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def read(message: Message, arrived_at: datetime) -> Submission:
    """Return the submission of a message. Raises `ContractError` or `MessageRefused` for a dead letter."""
    return _read(_accepted(message), message, arrived_at)


def _accepted(message: Message) -> CloudEvent:
    """Return the event of a message, if its topic accepts its source and type."""
    event = envelope.parse(message.headers, message.value)
    if event.source not in topics.TOPICS[message.topic].sources:
        raise MessageRefused("source_not_allowed", f"{message.topic} does not accept this source")
    if event.type not in TYPES_OF_TOPIC[message.topic]:
        raise ContractError("unsupported_type", f"{message.topic} has no events of this type", "type")
    return event


def _read(event: CloudEvent, message: Message, arrived_at: datetime) -> Submission:
    payload = parse_payload(event)
    request = OPERATIONS[payload.type] if isinstance(payload, Operation) else _REQUESTS.get(event.type)
    if request is None:
        raise ContractError("unsupported_type", f"the ledger posts nothing for {event.type}", "type")
    return submission_of(request, payload, _sender(event, message, arrived_at))


def handle(messages: Sequence[Message], move: Callable[[Any], None]) -> Counter[str]:
    """Post messages in one transaction; return the number by outcome.

    `move` runs first in the transaction. In it too, messages that cannot be read or are in conflict become
    dead letters, and those that name an unknown user, machine, hold or payout wait. Raises `TryAgain`, or
    `Locked` while another transaction keeps a user locked, with nothing posted.
    """
    now = timezone.now()
    batch = _Batch(move, now)
    submissions = batch.read(messages)
    try:
        post(submissions, hook=batch)
    except LockTimeout as error:
        raise Locked(str(error)) from error
    except Busy as error:
        raise TryAgain(str(error)) from error
    return batch.tally


ROUTES: Final[Mapping[str, MessageHandler]] = {
    topics.TRAINING_OPERATIONS: handle,
    topics.MARKETPLACE_OPERATIONS: handle,
}
"""The handler of each topic of commands."""


class _Batch:
    """The hook of the posting transaction: writes positions, dead letters and waiting messages."""

    def __init__(self, move: Callable[[Any], None], now: datetime) -> None:
        self.tally: Counter[str] = Counter()
        self._move = move
        self._now = now
        self._submitted: list[Message] = []
        self._parked: list[Parked] = []
        self._totals: list[Waiting] = []

    def read(self, messages: Sequence[Message]) -> list[Submission]:
        submissions = []
        for message in messages:
            try:
                event = _accepted(message)
                if event.type == ControlTotal.event_type:
                    self._totals.append(control_totals.delayed(message, event, self._now))
                    continue
                submissions.append(_read(event, message, self._now))
            except (ContractError, Invalid, MessageRefused) as error:
                self._parked.append(Parked(message, error.code, str(error)))
            else:
                self._submitted.append(message)
        return submissions

    def begin(self, cursor: Any) -> None:
        self._move(cursor)

    def finish(self, cursor: Any, outcomes: Sequence[Outcome]) -> None:
        parked, waiting = list(self._parked), list(self._totals)
        tally = Counter[str]()
        for message, outcome in zip(self._submitted, outcomes, strict=True):
            if outcome.status in {"conflict", "refused"}:
                parked.append(parked_for(message, outcome))
            elif outcome.status == "undecided":
                waiting.append(_waiting(message, outcome, self._now + settings.LEDGER_WAITING))
            else:
                tally["duplicate" if outcome.replayed else outcome.status] += 1
        stored_messages.park(cursor, parked)
        stored_messages.keep_waiting(cursor, waiting)
        tally["parked"] += len(parked)
        tally["waiting"] += len(waiting)
        # Set, not added to: the engine may run the whole batch again after a deadlock.
        self.tally = tally


def parked_for(message: Message, outcome: Outcome) -> Parked:
    """Return the dead letter of a message whose key another command used, or whose time is out of bounds."""
    if outcome.error is None:
        raise RuntimeError(f"an outcome without an error: {outcome.status}")
    return Parked(message, outcome.error.code, outcome.error.message)


def waits_for(outcome: Outcome) -> str:
    """Return what an undecided outcome waits for, `user:42` or `hold:<id>`; empty if that is unknown."""
    return str(outcome.error.details.get("waits_for", "")) if outcome.error is not None else ""


def _waiting(message: Message, outcome: Outcome, deadline: datetime) -> Waiting:
    if outcome.error is None:
        raise RuntimeError("an undecided outcome without an error")
    return Waiting(message, outcome.error.code, outcome.error.message, waits_for(outcome), deadline)


def _sender(event: CloudEvent, message: Message, arrived_at: datetime) -> Sender:
    return Sender(
        source=event.source,
        request_id=event.id,
        received_at=arrived_at,
        sent_at=event.time or message.timestamp,
        actor=actor_of_service(event.source),
        also=message.replay,
        correlation_id=event.correlationid,
        causation_id=event.causationid,
        traceparent=event.traceparent,
    )

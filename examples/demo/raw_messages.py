"""Messages written without the client: valid ones in structured mode, and common mistakes."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from easyautoml_ledger.operations import Operation
from easyautoml_ledger.topics import (
    MARKETPLACE_OPERATIONS,
    MARKETPLACE_SERVICE,
    TRAINING_OPERATIONS,
    TRAINING_SERVICE,
)
from examples.careless_service import RawMessage
from examples.demo.expectation import UNREADABLE


class Mistake(NamedTuple):
    """A message that must become a dead letter, with its readable kind and the expected code."""

    message: RawMessage
    kind: str
    code: str


def structured(topic: str, source: str, event_id: str, key: int, payload: Mapping[str, Any]) -> RawMessage:
    """Return an operation in structured mode: the value is the whole event."""
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": Operation.event_type,
        "datacontenttype": "application/json",
        "data": dict(payload),
    }
    headers = {"content-type": "application/cloudevents+json; charset=utf-8"}
    return raw_message(topic, key, headers, json.dumps(event).encode())


def binary(topic: str, source: str, event_id: str, key: int, value: bytes, **attributes: str) -> RawMessage:
    """Return an operation in binary mode: attributes are headers, and empty ones are left out."""
    all_attributes = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": Operation.event_type,
        **attributes,
    }
    headers = {f"ce_{name}": text for name, text in all_attributes.items() if text}
    return raw_message(topic, key, {**headers, "content-type": "application/json"}, value)


def raw_message(topic: str, key: int, headers: Mapping[str, str], value: bytes | None) -> RawMessage:
    """Return a message with these headers and this value."""
    return RawMessage(
        topic=topic,
        key=str(key),
        headers=[(name, _base64(text.encode())) for name, text in headers.items()],
        value=None if value is None else _base64(value),
    )


def mistakes(number: int, user: int, machine: int) -> list[Mistake]:
    """Return one message for each mistake. `number` makes their ids unique."""
    solving = {"type": "solving", "operation_user": user, "machine": machine, "count_of_lines": 100}
    paid = {"type": "credit_from_user", "operation_user": user, "payment_reference": "pw_x", "amount": "5.00"}
    return [
        *_without_envelope(user),
        *_in_the_envelope(number, user, solving),
        *_in_the_json(number, user),
        *_in_the_payload(number, user, solving, paid),
    ]


def _without_envelope(user: int) -> list[Mistake]:
    return [
        Mistake(
            raw_message(TRAINING_OPERATIONS, user, {}, b"training done, 1000 lines"),
            UNREADABLE,
            "not_a_cloudevent",
        ),
        Mistake(raw_message(MARKETPLACE_OPERATIONS, user, {}, None), UNREADABLE, "empty_value"),
        Mistake(
            raw_message(MARKETPLACE_OPERATIONS, user, {}, bytes(range(256))), UNREADABLE, "not_a_cloudevent"
        ),
    ]


def _in_the_envelope(number: int, user: int, solving: dict[str, Any]) -> list[Mistake]:
    value = json.dumps(solving).encode()

    def sent(name: str, source: str = TRAINING_SERVICE, **attributes: str) -> RawMessage:
        event_id = attributes.pop("id", f"{name}-{number}")
        return binary(TRAINING_OPERATIONS, source, event_id, user, value, **attributes)

    return [
        Mistake(sent("unknown-source", "/services/forecasts"), "solving", "source_not_allowed"),
        Mistake(sent("other-source", MARKETPLACE_SERVICE), "solving", "source_not_allowed"),
        Mistake(sent("no-id", id=""), "solving", "missing_attribute"),
        Mistake(sent("old-version", specversion="0.3"), "solving", "unsupported_specversion"),
        Mistake(sent("new-type", type="com.easyautoml.operation.v2"), "solving", "unsupported_type"),
    ]


def _in_the_json(number: int, user: int) -> list[Mistake]:
    broken = {
        "malformed_json": b'{"type": "solving", "operation_user": ',
        "invalid_utf8": b'{"type": "solv\xff\xfeing"}',
        "duplicate_key": b'{"type": "pay_a_bill", "operation_user": %d, "amount": "1.00", "amount": "9.00"}'
        % user,
        "not_a_number": b'{"type": "pay_a_bill", "operation_user": %d, "amount": NaN}' % user,
    }
    readable = {"duplicate_key": "pay_a_bill", "not_a_number": "pay_a_bill"}
    return [
        Mistake(
            binary(MARKETPLACE_OPERATIONS, MARKETPLACE_SERVICE, f"broken-{code}-{number}", user, value),
            readable.get(code, UNREADABLE),
            code,
        )
        for code, value in broken.items()
    ]


def _in_the_payload(number: int, user: int, solving: dict[str, Any], paid: dict[str, Any]) -> list[Mistake]:
    now = datetime.now(UTC)
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("unknown_field", {**solving, "discount": "0.10"}),
        ("missing_field", {name: solving[name] for name in ("type", "operation_user", "machine")}),
        ("unknown_kind", {**solving, "type": "predicting"}),
        ("not_an_integer", {**solving, "count_of_lines": "100"}),
        ("out_of_range", {**solving, "count_of_lines": -100}),
        ("missing_offset", {**solving, "occurred_at": "2026-01-31T12:00:00"}),
        ("invalid", {**solving, "occurred_at": (now + timedelta(days=2)).isoformat()}),
        ("invalid", {**solving, "occurred_at": (now - timedelta(days=200)).isoformat()}),
        ("amount_too_precise", {**paid, "amount": "5.000000001"}),
        ("amount_not_positive", {**paid, "amount": "-5.00"}),
        ("invalid_amount", {**paid, "amount": "5 dollars"}),
    ]
    found = []
    for index, (code, payload) in enumerate(wrong):
        is_payment = payload["type"] == "credit_from_user"
        topic = MARKETPLACE_OPERATIONS if is_payment else TRAINING_OPERATIONS
        source = MARKETPLACE_SERVICE if is_payment else TRAINING_SERVICE
        kind = UNREADABLE if code == "unknown_kind" else payload["type"]
        value = json.dumps(payload).encode()
        found.append(Mistake(binary(topic, source, f"wrong-{index}-{number}", user, value), kind, code))
    return found


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()

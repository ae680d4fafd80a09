"""Every event type has a contract and an example that stays readable forever."""

import json
from decimal import Decimal
from typing import Any

import pytest

from easyautoml_ledger import ContractError, fixtures
from easyautoml_ledger.envelope import CloudEvent, parse
from easyautoml_ledger.errors import CODES
from easyautoml_ledger.message import Message
from easyautoml_ledger.operations import MODEL_OF_KIND, Operation
from easyautoml_ledger.outcomes import OperationRecorded, OperationRejected
from easyautoml_ledger.payloads import ADAPTERS, TYPES_OF_TOPIC, encode, is_incoming, parse_payload
from easyautoml_ledger.reference import ReferenceData
from easyautoml_ledger.topics import TOPICS

STRUCTURED = [("content-type", b"application/cloudevents+json")]


def example(name: str, **changes: Any) -> CloudEvent:
    """Return an example with some fields of its payload changed; ``...`` removes one."""
    event = parse(STRUCTURED, fixtures.read(name))
    data = {**json.loads(event.data), **changes}
    kept = {field: value for field, value in data.items() if value is not ...}
    return CloudEvent(id=event.id, source=event.source, type=event.type, data=json.dumps(kept).encode())


def classes_of(base: type[Message]) -> list[type[Message]]:
    """Return the classes without subclasses below `base`: all messages but those that others extend."""
    below = base.__subclasses__()
    return [found for each in below for found in classes_of(each)] if below else [base]


@pytest.mark.parametrize("message", classes_of(Message))
def test_every_message_is_in_the_tables(message: type[Message]) -> None:
    """Its class says its type and its topics; only the kinds of operation share a type."""
    assert message.event_type in ADAPTERS
    assert all(message.event_type in TYPES_OF_TOPIC[topic] for topic in message.topics)
    assert "event_type" in vars(message) or message in MODEL_OF_KIND.values()


def test_every_type_has_a_topic_and_an_example() -> None:
    """No topic carries a type without a contract either."""
    assert {event_type for types in TYPES_OF_TOPIC.values() for event_type in types} == set(ADAPTERS)
    assert all(fixtures.names(event_type) for event_type in ADAPTERS)


def test_every_kind_of_operation_has_an_example() -> None:
    """All kinds share one event type."""
    kinds = {fixtures.event(name)["data"]["type"] for name in fixtures.names(Operation.event_type)}
    assert kinds == set(MODEL_OF_KIND)


@pytest.mark.parametrize("name", fixtures.names())
def test_every_example_is_readable(name: str) -> None:
    """Its payload survives a round trip, and one topic accepts its type and source."""
    event = parse(STRUCTURED, fixtures.read(name))
    payload = parse_payload(event)
    again = CloudEvent(id=event.id, source=event.source, type=event.type, data=encode(payload))
    assert parse_payload(again) == payload
    assert payload.event_type == event.type
    assert event.partitionkey
    [topic] = [
        name
        for name, topic in TOPICS.items()
        if event.type in TYPES_OF_TOPIC[name] and event.source in topic.sources
    ]
    assert topic in payload.topics


@pytest.mark.parametrize("name", fixtures.names())
def test_every_example_shows_every_field(name: str) -> None:
    """Optional fields are shown too, with a few exceptions that other examples show."""
    event = parse(STRUCTURED, fixtures.read(name))
    payload = parse_payload(event)
    missing = set(type(payload).model_fields) - payload.model_fields_set
    shown_elsewhere = {"hold", "unit_price", "pricing", "operation", "payment_reference", "rest"}
    assert missing <= shown_elsewhere


@pytest.mark.parametrize("name", [name for name in fixtures.names() if not name.startswith("billing.")])
def test_unknown_fields_are_refused_except_in_reference_data(name: str) -> None:
    """Other teams may add fields to their records, but not to operations."""
    event = example(name, surprise=1)
    if issubclass(type(parse_payload(example(name))), ReferenceData):
        assert parse_payload(event) == parse_payload(example(name))
        return
    with pytest.raises(ContractError) as caught:
        parse_payload(event)
    assert (caught.value.code, caught.value.field) == ("unknown_field", "surprise")


@pytest.mark.parametrize("name", [name for name in fixtures.names() if name.startswith("billing.")])
def test_unknown_fields_of_outgoing_messages_are_ignored(name: str) -> None:
    """The ledger can add a field without breaking listeners."""
    assert not is_incoming(example(name).type)
    assert parse_payload(example(name, surprise=1)) == parse_payload(example(name))


REFUSED: list[tuple[str, dict[str, Any], str, str | None]] = [
    ("hold.requested.v1", {"hold": "x"}, "invalid_uuid", "hold"),
    ("hold.requested.v1", {"hold": ...}, "missing_field", "hold"),
    ("hold.requested.v1", {"kind": "machine_copy"}, "unknown_value", "kind"),
    ("hold.requested.v1", {"expires_at": "2026-02-01"}, "invalid_time", "expires_at"),
    ("hold.requested.v1", {"expires_at": ...}, "missing_field", "expires_at"),
    ("hold.requested.v1", {"count_of_lines": "9"}, "not_an_integer", "count_of_lines"),
    ("hold.captured.v1", {"count_of_lines": ...}, "missing_field", "count_of_lines"),
    ("hold.captured.v1", {"final": 1}, "not_a_boolean", "final"),
    ("hold.voided.v1", {"reason": ""}, "text_too_short", "reason"),
    ("hold.voided.v1", {"reason": "\x00"}, "text_contains_nul", "reason"),
    ("user.v1", {"email": "x" * 255}, "text_too_long", "email"),
    ("user.v1", {"version": -1}, "out_of_range", "version"),
    ("user.v1", {"changed_at": "2026-01-31T12:00:00"}, "missing_offset", "changed_at"),
    ("user.v1", {"is_active": "yes"}, "not_a_boolean", "is_active"),
    ("machine.v1", {"machine_owner_user": ...}, "missing_field", "machine_owner_user"),
    ("machine.v1", {"machine_copy_price_usd": 0.1 + 0.2}, "amount_too_precise", "machine_copy_price_usd"),
    ("machine.v1", {"machine_copy_price_usd": "-1"}, "amount_is_negative", "machine_copy_price_usd"),
    ("machine.v1", {"dfr_columns_type_user_df": ["a"]}, "not_an_object", "dfr_columns_type_user_df"),
    ("machine.v1", {"dfr_columns_type_user_df": {"a": 1}}, "not_text", "dfr_columns_type_user_df.a"),
    ("work.v1", {"mode": "both"}, "unknown_value", "mode"),
    ("work.v1", {"status": "lost"}, "unknown_value", "status"),
    ("control-total.v1", {"window_end": "2026-01-30T00:00:00Z"}, "invalid_value", None),
    ("control-total.v1", {"totals": [{"kind": "solving", "count": 1}] * 2}, "invalid_value", None),
    ("control-total.v1", {"totals": [{"kind": "solving"}]}, "missing_field", "totals.0.count"),
    ("control-total.v1", {"totals": [{"kind": "x", "count": 1}]}, "unknown_value", "totals.0.kind"),
    (
        "control-total.v1",
        {"totals": [{"kind": "solving", "count": 1, "sum": 1}]},
        "unknown_field",
        "totals.0.sum",
    ),
    ("control-total.v1", {"totals": {}}, "not_a_list", "totals"),
    ("control-total.v1", {"totals": [{"kind": "solving", "count": 1}] * 101}, "too_many", "totals"),
]


@pytest.mark.parametrize(("name", "changes", "code", "field"), REFUSED)
def test_an_invalid_payload_is_refused_with_its_code(
    name: str, changes: dict[str, Any], code: str, field: str | None
) -> None:
    """The error has the path of the field and a published code."""
    with pytest.raises(ContractError) as caught:
        parse_payload(example(name, **changes))
    assert (caught.value.code, caught.value.field) == (code, field)
    assert code in CODES


def test_a_type_without_a_contract_is_refused() -> None:
    """Each version is a type of its own."""
    event = CloudEvent(id="1", source="/x", type="com.easyautoml.operation.v2", data=b"{}")
    with pytest.raises(ContractError) as caught:
        parse_payload(event)
    assert (caught.value.code, caught.value.field) == ("unsupported_type", "type")


def test_an_outcome_returns_every_account() -> None:
    """An account that is left out was never used and is zero."""
    outcome = parse_payload(example("billing.operation.recorded.v1"))
    assert isinstance(outcome, OperationRecorded)
    assert outcome.account("user:42:eaml").balance == Decimal("99.96")
    assert outcome.account("user:42:eaml").available == Decimal("99.96")
    assert outcome.account("user:42:coupon").balance == 0
    assert outcome.account("user:42:coupon").version == 0


def test_a_rejection_has_the_details_of_its_code() -> None:
    """`details` leaves out code and message, which every rejection has."""
    outcome = parse_payload(example("billing.operation.rejected.v1"))
    assert isinstance(outcome, OperationRejected)
    assert outcome.rejection.code == "insufficient_funds"
    assert outcome.rejection.details == {
        "currency": "USD",
        "needed": "12.50000000",
        "available": "10.00000000",
    }

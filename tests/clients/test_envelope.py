"""The CloudEvents envelope over Kafka, compared with another implementation."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as OtherCloudEvent
from hypothesis import given
from hypothesis import strategies as st

from easyautoml_ledger import CloudEvent, ContractError, strict_json
from easyautoml_ledger.envelope import MAX_VALUE_BYTES, parse, to_kafka
from easyautoml_ledger.errors import CODES

DATA = b'{"type": "pay_a_bill",  "operation_user": 42, "amount": "12.50"}'
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
HEADERS = {
    "ce_specversion": b"1.0",
    "ce_id": b"0198c9a4-7b1e-7c3a-9f57-0a2f4d6b8c10",
    "ce_source": b"/services/marketplace",
    "ce_type": b"com.easyautoml.operation.v1",
    "ce_time": b"2026-01-31T12:00:00.5Z",
    "content-type": b"application/json",
}
ATTRIBUTES: dict[str, Any] = {
    name.removeprefix("ce_"): value.decode() for name, value in HEADERS.items() if name.startswith("ce_")
}
EVENT = CloudEvent(
    id="0198c9a4-7b1e-7c3a-9f57-0a2f4d6b8c10",
    source="/services/marketplace",
    type="com.easyautoml.operation.v1",
    data=DATA,
    time=datetime(2026, 1, 31, 12, 0, 0, 500_000, UTC),
    subject="42",
    extensions={"traceparent": PARENT, "correlationid": "c", "causationid": "a", "partitionkey": "42"},
)


def structured(attributes: dict[str, Any], data: bytes | None = DATA, *, member: str = "data") -> bytes:
    text = json.dumps(attributes)
    return text.encode() if data is None else text[:-1].encode() + f', "{member}": '.encode() + data + b"}"


STRUCTURED = [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def test_binary_mode_is_read() -> None:
    """Attributes come from the headers, and the data is the unchanged value."""
    event = parse(list(HEADERS.items()), DATA)
    assert event == CloudEvent(id=EVENT.id, source=EVENT.source, type=EVENT.type, data=DATA, time=EVENT.time)
    assert event.traceparent is None


def test_structured_mode_is_read() -> None:
    """The data is exactly the bytes of the `data` member."""
    event = parse(STRUCTURED, structured(ATTRIBUTES))
    assert event == parse(list(HEADERS.items()), DATA)


def test_structured_mode_accepts_base64() -> None:
    """`data_base64`, which generic producers may write, is decoded."""
    encoded = json.dumps(base64.b64encode(DATA).decode()).encode()
    assert parse(STRUCTURED, structured(ATTRIBUTES, encoded, member="data_base64")).data == DATA


def test_other_headers_are_ignored() -> None:
    """Tracing and other tools add headers of their own."""
    assert parse([*HEADERS.items(), ("b3", b"\xff"), ("b3", b"1")], DATA).id == EVENT.id


def test_without_a_content_type_the_value_is_json() -> None:
    """The default is that of the specification."""
    headers = [(name, value) for name, value in HEADERS.items() if name != "content-type"]
    assert parse(headers, DATA).datacontenttype == "application/json"


def test_an_event_survives_a_round_trip() -> None:
    """All attributes and extensions are read again."""
    headers, value = to_kafka(EVENT)
    back = parse(headers, value)
    assert back == EVENT
    assert (back.traceparent, back.correlationid) == (PARENT, "c")
    assert (back.causationid, back.partitionkey) == ("a", "42")
    assert {(type(name), type(raw)) for name, raw in headers} == {(str, bytes)}


# The other implementation.

line = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30)
extension = st.from_regex(r"\A[a-z][a-z0-9]{0,15}\Z").filter(
    lambda name: (
        name not in {"id", "source", "type", "time", "subject", "data", "specversion"}
        and not name.startswith("data")
    )
)
events = st.builds(
    CloudEvent,
    id=line,
    source=st.just("/services/training"),
    type=st.just("com.easyautoml.operation.v1"),
    data=st.dictionaries(line, line | st.integers() | st.none(), min_size=1).map(
        lambda value: json.dumps(value).encode()
    ),
    # Always present, because the other implementation fills in the time of reading.
    time=st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    subject=st.none() | line,
    extensions=st.dictionaries(extension, line, max_size=3),
)


def theirs(event: CloudEvent, data: Any) -> OtherCloudEvent:
    own = {"id": event.id, "source": event.source, "type": event.type, "specversion": "1.0"}
    optional = {"time": event.time, "subject": event.subject, "datacontenttype": "application/json"}
    given = {name: value for name, value in optional.items() if value is not None}
    return OtherCloudEvent(attributes={**own, **given, **event.extensions}, data=data)


@given(events)
def test_the_other_implementation_reads_what_we_write(event: CloudEvent) -> None:
    """All attributes and the data are the same."""
    headers, value = to_kafka(event)
    read = from_kafka(KafkaMessage(headers=dict(headers), key=None, value=value), JSONFormat())
    assert (read.get_id(), read.get_source(), read.get_type()) == (event.id, event.source, event.type)
    assert (read.get_time(), read.get_subject()) == (event.time, event.subject)
    assert {name: read.get_extension(name) for name in event.extensions} == event.extensions
    assert read.get_data() == json.loads(event.data)


@given(events)
def test_we_read_what_the_other_implementation_writes(event: CloudEvent) -> None:
    """Both modes give the same attributes and equal data."""
    binary = to_binary(theirs(event, event.data), JSONFormat())
    assert parse(list(binary.headers.items()), binary.value) == event
    whole = to_structured(theirs(event, json.loads(event.data)), JSONFormat())
    read = parse(list(whole.headers.items()), whole.value)
    assert json.loads(read.data) == json.loads(event.data)
    assert (read.id, read.time, read.subject) == (event.id, event.time, event.subject)
    assert read.extensions == event.extensions


# Messages that cannot be read.


def without(name: str) -> list[tuple[str, bytes]]:
    return [(header, value) for header, value in HEADERS.items() if header != name]


def changed(**headers: bytes) -> list[tuple[str, bytes]]:
    return list({**HEADERS, **headers}.items())


REFUSED: list[tuple[Any, bytes | None, str, str | None]] = [
    (HEADERS.items(), None, "empty_value", None),
    (HEADERS.items(), b"", "empty_value", None),
    (HEADERS.items(), b"x" * (MAX_VALUE_BYTES + 1), "too_large", None),
    ([("h", b"")] * 101, DATA, "too_large", None),
    ([], DATA, "not_a_cloudevent", None),
    ([("content-type", b"application/json")], DATA, "not_a_cloudevent", None),
    (without("ce_specversion"), DATA, "missing_attribute", "specversion"),
    (without("ce_id"), DATA, "missing_attribute", "id"),
    (without("ce_source"), DATA, "missing_attribute", "source"),
    (without("ce_type"), DATA, "missing_attribute", "type"),
    (changed(ce_id=b""), DATA, "missing_attribute", "id"),
    (changed(ce_specversion=b"0.3"), DATA, "unsupported_specversion", "specversion"),
    (changed(ce_specversion=b"1.1"), DATA, "unsupported_specversion", "specversion"),
    (changed(ce_id=b"x" * 256), DATA, "invalid_attribute", "id"),
    (changed(ce_id=b"a\x00"), DATA, "invalid_attribute", "id"),
    (changed(ce_id=b"\xff"), DATA, "invalid_attribute", "id"),
    (changed(ce_source=b"x" * 1025), DATA, "invalid_attribute", "source"),
    (changed(ce_subject="a\x85b".encode()), DATA, "invalid_attribute", "subject"),
    (changed(ce_Tenant=b"x"), DATA, "invalid_attribute", "Tenant"),
    (changed(ce_tenant_id=b"x"), DATA, "invalid_attribute", "tenant_id"),
    ([*HEADERS.items(), ("ce_", b"x")], DATA, "invalid_attribute", ""),
    ([*HEADERS.items(), ("ce_x\n", b"x")], DATA, "invalid_attribute", "x\\n"),
    ([*HEADERS.items(), ("ce_tenant", None)], DATA, "invalid_attribute", "tenant"),
    ([*HEADERS.items(), ("ce_id", b"x")], DATA, "duplicate_attribute", "id"),
    ([*HEADERS.items(), ("Content-Type", b"text/plain")], DATA, "duplicate_attribute", "content-type"),
    (changed(ce_time=b"yesterday"), DATA, "invalid_time", "time"),
    (changed(ce_time=b"2026-01-31T12:00:00"), DATA, "missing_offset", "time"),
    (changed(**{"content-type": b"application/avro"}), DATA, "unsupported_content_type", "datacontenttype"),
    ([("content-type", b"application/cloudevents+avro")], DATA, "unsupported_content_type", "content-type"),
    (
        [("content-type", b"application/cloudevents-batch+json")],
        b"[]",
        "unsupported_content_type",
        "content-type",
    ),
    (
        [("content-type", b"application/cloudevents+json; charset=utf-16")],
        structured(ATTRIBUTES),
        "unsupported_content_type",
        "content-type",
    ),
    (STRUCTURED, b"[]", "not_an_object", None),
    (STRUCTURED, b"{", "malformed_json", None),
    (STRUCTURED, b"\xff", "invalid_utf8", None),
    (STRUCTURED, b"{}", "not_a_cloudevent", None),
    (STRUCTURED, structured(ATTRIBUTES, b'{"a": 1, "a": 2}'), "duplicate_key", "a"),
    (STRUCTURED, structured(ATTRIBUTES, b'{"a": NaN}'), "not_a_number", None),
    (STRUCTURED, structured(ATTRIBUTES, b'"x", "id": "y"'), "duplicate_key", "id"),
    (STRUCTURED, structured(ATTRIBUTES, None), "empty_value", None),
    (STRUCTURED, structured({**ATTRIBUTES, "id": 1}), "invalid_attribute", "id"),
    (STRUCTURED, structured({**ATTRIBUTES, "id": "\ud800"}), "invalid_attribute", "id"),
    (STRUCTURED, structured({**ATTRIBUTES, "tenant": 1.5}), "invalid_attribute", "tenant"),
    (STRUCTURED, structured({**ATTRIBUTES, "tenant": {}}), "invalid_attribute", "tenant"),
    (
        STRUCTURED,
        structured({**ATTRIBUTES, "datacontenttype": "text/plain"}),
        "unsupported_content_type",
        "datacontenttype",
    ),
    (
        STRUCTURED,
        structured(ATTRIBUTES, b'"e30="', member="data_base64")[:-1] + b', "data": 1}',
        "duplicate_attribute",
        "data_base64",
    ),
    (STRUCTURED, structured(ATTRIBUTES, b'"?"', member="data_base64"), "invalid_attribute", "data_base64"),
    (STRUCTURED, structured(ATTRIBUTES, b"1", member="data_base64"), "invalid_attribute", "data_base64"),
]


@pytest.mark.parametrize(("headers", "value", "code", "field"), REFUSED)
def test_an_invalid_event_is_refused_with_its_code(
    headers: Any, value: bytes | None, code: str, field: str | None
) -> None:
    """The error has a published code and names the attribute."""
    with pytest.raises(ContractError) as caught:
        parse(list(headers), value)
    assert (caught.value.code, caught.value.field) == (code, field)
    assert code in CODES


@given(
    st.lists(
        st.tuples(st.sampled_from([*HEADERS, "ce_x", "content-type", "y"]), st.binary(max_size=40)),
        max_size=8,
    ),
    st.binary(max_size=200) | st.just(structured(ATTRIBUTES)),
)
def test_arbitrary_bytes_raise_contract_error_only(headers: list[tuple[str, bytes]], value: bytes) -> None:
    """A poison message never causes another exception."""
    try:
        assert parse(headers, value).data
    except ContractError as error:
        assert error.code in CODES  # noqa: PT017 (both results are fine)


def test_integers_and_booleans_are_accepted_as_attributes() -> None:
    """They are converted to the text that the specification defines."""
    event = parse(STRUCTURED, structured({**ATTRIBUTES, "sequence": 7, "sampled": True, "empty": None}))
    assert event.extensions == {"sequence": "7", "sampled": "true"}
    assert strict_json.loads(event.data) == json.loads(DATA)

"""The nine kinds of operations: their fields, and the errors of invalid ones."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from easyautoml_ledger import (
    KINDS,
    ContractError,
    CreditFromUser,
    OperationData,
    PayABill,
    Training,
    fixtures,
    strict_json,
)
from easyautoml_ledger.errors import CODES
from easyautoml_ledger.operations import (
    MODEL_OF_KIND,
    OPERATION_ADAPTER,
    Operation,
    operation_of,
    parse_operation,
)
from easyautoml_ledger.payloads import encode

USER = {"operation_user": 42}
ON_MACHINE = {**USER, "machine": 7}
LINES = {**ON_MACHINE, "count_of_lines": 1000}
CREDIT = {**USER, "amount": "12.50", "payment_reference": "pi_1"}

REQUIRED: dict[str, dict[str, Any]] = {
    "training": LINES,
    "solving": LINES,
    "solving_with_api": LINES,
    "solving_with_api_market": LINES,
    "buy_data_source": ON_MACHINE,
    "machine_copy": ON_MACHINE,
    "machine_copy_update": ON_MACHINE,
    "credit_from_user": CREDIT,
    "pay_a_bill": {**USER, "amount": "12.50"},
}
A_UUID = "0198c9a4-7b1e-7c3a-9f57-0a2f4d6b8c10"
OPTIONAL: dict[str, set[str]] = {
    "training": {"unit_price", "hold", "count_of_training_epoch"},
    "solving": {"unit_price", "hold"},
    "solving_with_api": {"unit_price", "hold"},
    "solving_with_api_market": {"unit_price"},
    "buy_data_source": {"unit_price"},
    "machine_copy": {"unit_price"},
    "machine_copy_update": {"unit_price"},
    "credit_from_user": {"payment_provider"},
    "pay_a_bill": set(),
}
VALUES: dict[str, Any] = {
    "unit_price": "0.00001",
    "hold": A_UUID,
    "count_of_training_epoch": 50,
    "payment_provider": "stripe",
    "machine": 7,
    "count_of_lines": 5,
    "amount": "1",
    "payment_reference": "pi_2",
    "occurred_at": "2026-01-31T12:00:00Z",
}


def raw(kind: str, fields: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, **fields}).encode()


def test_the_kinds_are_the_documents_nine_flags() -> None:
    """A kind is its flag without `is_` and `_operation`, in the document's order, and has one topic."""
    assert tuple(REQUIRED) == KINDS
    assert all(len(model.topics) == 1 for model in MODEL_OF_KIND.values())


@pytest.mark.parametrize("kind", KINDS)
def test_the_required_fields_are_enough(kind: str) -> None:
    """They are read into the model of the kind."""
    read = parse_operation(raw(kind, REQUIRED[kind]))
    assert type(read) is MODEL_OF_KIND[kind]
    assert read.type == kind


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind in KINDS for field in REQUIRED[kind]])
def test_a_required_field_may_not_be_missing_or_null(kind: str, field: str) -> None:
    """The error names the field."""
    without = {name: value for name, value in REQUIRED[kind].items() if name != field}
    with pytest.raises(ContractError) as missing:
        parse_operation(raw(kind, without))
    assert (missing.value.code, missing.value.field) == ("missing_field", field)
    with pytest.raises(ContractError) as null:
        parse_operation(raw(kind, {**without, field: None}))
    assert null.value.field == field


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind in KINDS for field in VALUES])
def test_each_kind_accepts_its_own_fields_only(kind: str, field: str) -> None:
    """Unknown fields are refused, because ignoring one could cost money."""
    fields = {**REQUIRED[kind], field: VALUES[field]}
    if field in OPTIONAL[kind] | set(REQUIRED[kind]) | {"occurred_at"}:
        assert field in parse_operation(raw(kind, fields)).model_fields_set
        return
    with pytest.raises(ContractError) as caught:
        parse_operation(raw(kind, fields))
    assert (caught.value.code, caught.value.field) == ("unknown_field", field)


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind in KINDS for field in sorted(OPTIONAL[kind])]
)
def test_null_means_absent_for_optional_fields(kind: str, field: str) -> None:
    """`payment_provider` has a default and may not be null."""
    fields = {**REQUIRED[kind], field: None}
    if field == "payment_provider":
        with pytest.raises(ContractError) as caught:
            parse_operation(raw(kind, fields))
        assert (caught.value.code, caught.value.field) == ("not_text", field)
    else:
        assert getattr(parse_operation(raw(kind, fields)), field) is None


REFUSED: list[tuple[bytes, str, str | None]] = [
    (b"", "malformed_json", None),
    (b"null", "not_an_object", None),
    (b"[]", "not_an_object", None),
    (b'"training"', "not_an_object", None),
    (b"\xff\xfe", "invalid_utf8", None),
    (b"{}", "missing_field", "type"),
    (b'{"type": null}', "unknown_kind", "type"),
    (b'{"type": 1}', "unknown_kind", "type"),
    (b'{"type": "Training"}', "unknown_kind", "type"),
    (b'{"type": "' + b"x" * 10_000 + b'"}', "unknown_kind", "type"),
    (raw("pay_a_bill", {**USER, "amount": "0"}), "amount_not_positive", "amount"),
    (raw("pay_a_bill", {**USER, "amount": "1.123456789"}), "amount_too_precise", "amount"),
    (raw("pay_a_bill", {**USER, "amount": "1000000000000"}), "amount_too_large", "amount"),
    (raw("pay_a_bill", {**USER, "amount": float("nan")}), "not_a_number", None),
    (raw("pay_a_bill", {**USER, "amount": True}), "invalid_amount", "amount"),
    (raw("machine_copy", {**ON_MACHINE, "unit_price": "-1"}), "amount_is_negative", "unit_price"),
    (raw("training", {**LINES, "operation_user": True}), "not_an_integer", "operation_user"),
    (raw("training", {**LINES, "machine": "7"}), "not_an_integer", "machine"),
    (raw("training", {**LINES, "machine": 0}), "out_of_range", "machine"),
    (raw("training", {**LINES, "count_of_lines": -1}), "out_of_range", "count_of_lines"),
    (raw("training", {**LINES, "count_of_lines": 2**31}), "out_of_range", "count_of_lines"),
    (raw("training", {**LINES, "count_of_lines": 1.5}), "not_an_integer", "count_of_lines"),
    (raw("training", {**LINES, "hold": "x"}), "invalid_uuid", "hold"),
    (raw("training", {**LINES, "occurred_at": "2026-01-31T12:00:00"}), "missing_offset", "occurred_at"),
    (raw("training", {**LINES, "occurred_at": 0}), "invalid_time", "occurred_at"),
    (raw("training", {**LINES, "user": 1}), "unknown_field", "user"),
    (raw("training", {**LINES, "\x00": 1}), "unknown_field", "\\x00"),
    (raw("training", {**LINES, "x" * 5_000: 1}), "unknown_field", "x" * 200),
    (
        raw("credit_from_user", {**CREDIT, "payment_reference": "\x00"}),
        "text_contains_nul",
        "payment_reference",
    ),
    (raw("credit_from_user", {**CREDIT, "payment_reference": "\ud800"}), "invalid_text", "payment_reference"),
    (
        raw("credit_from_user", {**CREDIT, "payment_reference": "x" * 201}),
        "text_too_long",
        "payment_reference",
    ),
    (raw("credit_from_user", {**CREDIT, "payment_provider": "A B"}), "invalid_text", "payment_provider"),
    (raw("training", LINES)[:-1] + b', "machine": 8}', "duplicate_key", "machine"),
    (raw("training", LINES)[:-1] + b', "machine" : 7}', "duplicate_key", "machine"),
    (raw("training", LINES)[:-1] + b', "mach\\u0069ne": 7}', "duplicate_key", "machine"),
    (b'{"type": "solving", ' + raw("training", LINES)[1:], "duplicate_key", "type"),
    (
        raw("credit_from_user", {**CREDIT, "payment_reference": "a,b"})[:-1] + b',"amount":"1"}',
        "duplicate_key",
        "amount",
    ),
]


@pytest.mark.parametrize(("value", "code", "field"), REFUSED)
def test_an_invalid_operation_is_refused_with_its_code(value: bytes, code: str, field: str | None) -> None:
    """The code is published, and the message is short and printable."""
    with pytest.raises(ContractError) as caught:
        parse_operation(value)
    error = caught.value
    assert (error.code, error.field) == (code, field)
    assert code in CODES
    assert len(str(error)) < 400
    assert str(error).isprintable()


def test_an_error_does_not_repeat_the_refused_value() -> None:
    """A payment reference is personal data and must not get into a log through an error."""
    with pytest.raises(ValidationError) as caught:
        CreditFromUser.model_validate({**CREDIT, "payment_reference": "secret\n"})
    assert "secret" not in str(caught.value)


def test_a_comma_in_a_string_is_accepted() -> None:
    """Note [Duplicate keys]: the strict parser reads such a message."""
    read = parse_operation(raw("credit_from_user", {**CREDIT, "payment_reference": 'a,b":,'}))
    assert isinstance(read, CreditFromUser)
    assert read.payment_reference == 'a,b":,'


def test_operations_are_values() -> None:
    """They can be compared and hashed, and are immutable."""
    one = Training(operation_user=42, machine=7, count_of_lines=1000)
    other = parse_operation(raw("training", LINES))
    assert one == other
    assert hash(one) == hash(other)
    with pytest.raises(ValidationError):
        one.machine = 8  # type: ignore[misc]


def test_in_python_the_class_implies_the_type() -> None:
    """Any other type is refused."""
    assert PayABill(operation_user=1, amount="2").type == "pay_a_bill"  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        PayABill(type="training", operation_user=1, amount="2")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", fixtures.names(Operation.event_type))
def test_an_operation_survives_a_round_trip(name: str) -> None:
    """Encoding and parsing give the same operation and the same bytes."""
    read = operation_of(fixtures.event(name)["data"])
    assert parse_operation(encode(read)) == read
    assert encode(parse_operation(encode(read))) == encode(read)


field_values = st.sampled_from(
    [
        "1", "0.00000001", "-1", "1e3", "NaN", "a,b", "", A_UUID, "training", "2026-01-31T12:00:00Z",
        0, 1, -1, 7, 2**31, 2**63, True, None, [], {}, {"a": 1}, [1, 2],
    ]
) | st.text(max_size=5)  # fmt: skip
fields_of_all = st.dictionaries(
    st.sampled_from([*VALUES, "operation_user", "type", "extra"]), field_values, max_size=6
)


@given(st.sampled_from(KINDS), fields_of_all, st.integers(0, 2), st.data())
def test_the_fast_parser_agrees_with_the_strict_one(
    kind: str, changes: dict[str, Any], repeats: int, data: st.DataObject
) -> None:
    """Note [Duplicate keys]: both give the same result, also for repeated keys."""
    pairs = list({"type": kind, **REQUIRED[kind], **changes}.items())
    for _ in range(repeats):
        pairs.insert(data.draw(st.integers(0, len(pairs))), data.draw(st.sampled_from(pairs)))
    blank = data.draw(st.sampled_from(["", " ", "\n\t"]))
    text = ",".join(f"{json.dumps(name)}{blank}:{blank}{json.dumps(value)}" for name, value in pairs)
    message = f"{{{text}}}".encode()

    def outcome(parse: Any) -> OperationData | tuple[str, str | None]:
        try:
            return parse()  # type: ignore[no-any-return]
        except ContractError as error:
            return error.code, error.field

    fast = outcome(lambda: parse_operation(message))
    assert fast == outcome(lambda: operation_of(strict_json.loads(message)))
    if len({name for name, _ in pairs}) < len(pairs):
        assert isinstance(fast, tuple)


def test_the_union_has_a_discriminator() -> None:
    """Generated clients recognize the kind by its `type`."""
    schema = OPERATION_ADAPTER.json_schema()
    assert schema["discriminator"]["propertyName"] == "type"
    assert set(schema["discriminator"]["mapping"]) == set(KINDS)
    for name in schema["$defs"]:
        assert "type" in schema["$defs"][name]["required"]

"""Invalid bodies are refused with a 4xx that names the field, and nothing is written."""

import json

import pytest
from pytest_django import Settings

from models import User
from tests.web.api.conftest import Api, refused, top_up

VALID = '"type": "credit_from_user", "operation_user": 1, "amount": "10", "payment_reference": "pi_1"'
TRAINING = '"type": "training", "operation_user": 1, "machine": 1'

# Rows: the body, then the status, code and field of the refusal.
TABLE = [
    # Not JSON.
    (b"", 400, "empty_value", None),
    (b"{", 400, "malformed_json", None),
    (b"{} {}", 400, "malformed_json", None),
    (b"\xff\xfe", 400, "invalid_utf8", None),
    (b"\xef\xbb\xbf{}", 400, "invalid_utf8", None),
    ('{"amount": "\x00"}', 400, "malformed_json", None),
    ("[" * 100_000, 400, "malformed_json", None),
    ('{"amount": ' + "9" * 5000 + "}", 400, "malformed_json", None),
    # JSON, but not an operation.
    ("[]", 422, "not_an_object", None),
    ("null", 422, "not_an_object", None),
    ('"text"', 422, "not_an_object", None),
    ("{}", 422, "missing_field", "type"),
    ('{"type": "gift"}', 422, "unknown_kind", "type"),
    ('{"type": 7}', 422, "unknown_kind", "type"),
    # Repeated, unknown and missing fields.
    (f'{{{VALID}, "amount": "11"}}', 400, "duplicate_key", "amount"),
    (f'{{{VALID}, "amuont": "11"}}', 422, "unknown_field", "amuont"),
    (f'{{{VALID}, "source": "/services/training"}}', 422, "unknown_field", "source"),
    (f'{{{VALID}, "\\ud800": 1}}', 422, "invalid_text", None),
    (f'{{{VALID}, "machine": 1}}', 422, "unknown_field", "machine"),
    ('{"type": "pay_a_bill", "operation_user": 1}', 422, "missing_field", "amount"),
    ('{"type": "pay_a_bill", "amount": "1"}', 422, "missing_field", "operation_user"),
    (f"{{{TRAINING}}}", 422, "missing_field", "count_of_lines"),
    # Amounts.
    ('{"type": "pay_a_bill", "operation_user": 1, "amount": NaN}', 400, "not_a_number", "amount"),
    ('{"type": "pay_a_bill", "operation_user": 1, "amount": -Infinity}', 400, "not_a_number", "amount"),
    ('{"type": "pay_a_bill", "amount": NaN, "operation_user": Infinity}', 400, "not_a_number", "amount"),
    ("[[NaN]]", 400, "not_a_number", "0.0"),
    ("NaN", 400, "not_a_number", None),
    ('{"type": "pay_a_bill", "operation_user": 1, "amount": 12.5}', 422, "amount_is_float", "amount"),
    ('{"type": "pay_a_bill", "operation_user": 1, "amount": 1e2}', 422, "amount_is_float", "amount"),
    ('{"type": "pay_a_bill", "operation_user": 1, "amount": 1e999999}', 422, "amount_is_float", "amount"),
    ('{"type": "pay_a_bill", "operation_user": 1, "amount": "NaN"}', 422, "invalid_amount", "amount"),
    ('{"type": "pay_a_bill", "operation_user": 1, "amount": "1e2"}', 422, "invalid_amount", "amount"),
    ('{"type": "pay_a_bill", "operation_user": 1, "amount": "1_000"}', 422, "invalid_amount", "amount"),
    ('{"type": "pay_a_bill", "operation_user": 1, "amount": " 1 "}', 422, "invalid_amount", "amount"),
    ('{"type": "pay_a_bill", "operation_user": 1, "amount": "1\\u0000"}', 422, "invalid_amount", "amount"),
    ('{"type": "pay_a_bill", "operation_user": 1, "amount": "٣"}', 422, "invalid_amount", "amount"),
    ('{"type": "pay_a_bill", "operation_user": 1, "amount": true}', 422, "invalid_amount", "amount"),
    ('{"type": "pay_a_bill", "operation_user": 1, "amount": null}', 422, "invalid_amount", "amount"),
    ('{"type": "pay_a_bill", "operation_user": 1, "amount": "0"}', 422, "amount_not_positive", "amount"),
    ('{"type": "pay_a_bill", "operation_user": 1, "amount": "-1"}', 422, "amount_not_positive", "amount"),
    (
        '{"type": "pay_a_bill", "operation_user": 1, "amount": "0.000000001"}',
        422,
        "amount_too_precise",
        "amount",
    ),
    (
        '{"type": "pay_a_bill", "operation_user": 1, "amount": "1000000000000"}',
        422,
        "amount_too_large",
        "amount",
    ),
    (f'{{{TRAINING}, "count_of_lines": 1, "unit_price": 0.1}}', 422, "amount_is_float", "unit_price"),
    (f'{{{TRAINING}, "count_of_lines": 1, "unit_price": "-1"}}', 422, "amount_is_negative", "unit_price"),
    # Identifiers and counts.
    ('{"type": "pay_a_bill", "operation_user": "1", "amount": "1"}', 422, "not_an_integer", "operation_user"),
    (
        '{"type": "pay_a_bill", "operation_user": true, "amount": "1"}',
        422,
        "not_an_integer",
        "operation_user",
    ),
    ('{"type": "pay_a_bill", "operation_user": 1.0, "amount": "1"}', 422, "not_an_integer", "operation_user"),
    ('{"type": "pay_a_bill", "operation_user": 0, "amount": "1"}', 422, "out_of_range", "operation_user"),
    (
        '{"type": "pay_a_bill", "operation_user": 9223372036854775808, "amount": "1"}',
        422,
        "out_of_range",
        "operation_user",
    ),
    (f'{{{TRAINING}, "count_of_lines": -1}}', 422, "out_of_range", "count_of_lines"),
    (f'{{{TRAINING}, "count_of_lines": 2147483648}}', 422, "out_of_range", "count_of_lines"),
    (f'{{{TRAINING}, "count_of_lines": NaN}}', 400, "not_a_number", "count_of_lines"),
    (f'{{{TRAINING}, "count_of_lines": 1, "hold": "x"}}', 422, "invalid_uuid", "hold"),
    # Texts and times.
    (
        f"{{{VALID.replace('pi_1', 'pi' + chr(92) + 'u0000')}}}",
        422,
        "text_contains_nul",
        "payment_reference",
    ),
    (f"{{{VALID.replace('pi_1', chr(92) + 'udfff')}}}", 422, "invalid_text", "payment_reference"),
    (f"{{{VALID.replace('pi_1', 'x' * 201)}}}", 422, "text_too_long", "payment_reference"),
    (f"{{{VALID.replace('pi_1', '')}}}", 422, "text_too_short", "payment_reference"),
    (f'{{{VALID}, "payment_provider": "A B"}}', 422, "invalid_text", "payment_provider"),
    (f'{{{VALID}, "occurred_at": "yesterday"}}', 422, "invalid_time", "occurred_at"),
    (f'{{{VALID}, "occurred_at": "2026-01-01T00:00:00"}}', 422, "missing_offset", "occurred_at"),
    (f'{{{VALID}, "occurred_at": 1700000000}}', 422, "invalid_time", "occurred_at"),
]


@pytest.mark.parametrize("route", ["/v1/operations", "/v1/operations/quote"])
@pytest.mark.parametrize(("sent", "status", "code", "field"), TABLE)
def test_a_body_that_cannot_be_read_is_refused(
    api: Api, nothing_written: None, route: str, sent: str | bytes, status: int, code: str, field: str | None
) -> None:
    """Recording and quoting answer with the same status, code and field."""
    raw = sent if isinstance(sent, bytes) else sent.encode()
    response = api.post(route, raw, headers={"Idempotency-Key": "key"})
    assert refused(response, status, code, field)["retryable"] is False


def test_the_problem_does_not_repeat_what_was_sent(api: Api) -> None:
    """A refused value may be personal or very long: only its field is named."""
    response = api.record(top_up(1, "secret-amount" * 1000))
    assert b"secret" not in response.content
    response = api.record({"type": "secret-kind"})
    assert b"secret" not in response.content


@pytest.mark.parametrize(
    ("content_type", "headers", "field"),
    [
        ("text/plain", {}, "Content-Type"),
        ("application/x-www-form-urlencoded", {}, "Content-Type"),
        ("application/cloudevents+json", {}, "Content-Type"),
        ("", {}, "Content-Type"),
        ("application/json; charset=latin-1", {}, "Content-Type"),
        ("application/json", {"Content-Encoding": "gzip"}, "Content-Encoding"),
    ],
)
def test_another_content_type_is_refused(
    api: Api, user: User, nothing_written: None, content_type: str, headers: dict[str, str], field: str
) -> None:
    """415 for everything but uncompressed JSON in UTF-8."""
    response = api.post(
        "/v1/operations",
        top_up(user),
        content_type=content_type,
        headers={"Idempotency-Key": "key", **headers},
    )
    refused(response, 415, "unsupported_content_type", field)


def test_json_with_a_charset_is_accepted(api: Api, user: User) -> None:
    """Many clients add this parameter."""
    response = api.post(
        "/v1/operations",
        top_up(user),
        content_type="application/json; charset=UTF-8",
        headers={"Idempotency-Key": "key"},
    )
    assert response.status_code == 201


@pytest.mark.parametrize("route", ["/v1/operations", "/v1/operations/bulk", "/v1/operations/quote"])
def test_a_body_that_is_too_large_is_refused(
    api: Api, user: User, nothing_written: None, settings: Settings, route: str
) -> None:
    """413 with the limit, before the body is parsed."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1024
    raw = json.dumps(top_up(user)).encode() + b" " * 1024
    response = api.post(route, raw, headers={"Idempotency-Key": "key"})
    assert "1024" in refused(response, 413, "too_large")["detail"]


def test_a_body_without_its_length_is_refused(api: Api, user: User, nothing_written: None) -> None:
    """411: a chunked body would look empty to WSGI."""
    response = api.client.generic(
        "POST",
        "/v1/operations",
        b"",
        content_type="application/json",
        headers={
            "Authorization": f"Bearer {api.token}",
            "Idempotency-Key": "key",
            "Transfer-Encoding": "chunked",
        },
    )
    refused(response, 411, "length_required", "Content-Length")

"""Accepted and refused values of texts, ids, counts, flags and times."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from easyautoml_ledger.errors import CODES, ContractError, first_contract_error
from easyautoml_ledger.ids import LARGEST_COUNT, LARGEST_ID, Count, Flag, Id, Uuid
from easyautoml_ledger.text import Code, PaymentReference, Text
from easyautoml_ledger.times import AwareDatetime, parse_time, time_text

A_UUID = UUID("0198c9a4-7b1e-7c3a-9f57-0a2f4d6b8c10")


class Everything(BaseModel):
    note: Annotated[str, Text(longest=10, shortest=1)] = "x"
    reference: PaymentReference = "x"
    code: Code = "x"
    id: Id = 1
    count: Count = 0
    flag: Flag = True
    uuid: Uuid = A_UUID
    at: AwareDatetime = datetime(2026, 1, 31, tzinfo=UTC)


ACCEPTED: list[tuple[str, Any, Any]] = [
    ("note", "two\nlines", "two\nlines"),
    ("note", "\U0001f4b6", "\U0001f4b6"),
    ("reference", "pi_3Oq L2x", "pi_3Oq L2x"),
    ("reference", "x" * 200, "x" * 200),
    ("code", "stripe-eu_2", "stripe-eu_2"),
    ("code", "x" * 32, "x" * 32),
    ("id", LARGEST_ID, LARGEST_ID),
    ("count", LARGEST_COUNT, LARGEST_COUNT),
    ("uuid", str(A_UUID), A_UUID),
    ("uuid", str(A_UUID).upper(), A_UUID),
    ("uuid", A_UUID, A_UUID),
    ("at", "2026-01-31T14:00:00+02:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
    ("at", "2026-01-31t12:00:00z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
    ("at", "2026-01-31 12:00:00.5Z", datetime(2026, 1, 31, 12, 0, 0, 500_000, UTC)),
    ("at", "2026-01-31T12:00:00.123456789Z", datetime(2026, 1, 31, 12, 0, 0, 123_456, UTC)),
    (
        "at",
        datetime(2026, 1, 31, 7, tzinfo=timezone(-timedelta(hours=5))),
        datetime(2026, 1, 31, 12, tzinfo=UTC),
    ),
]


@pytest.mark.parametrize(("field", "value", "read"), ACCEPTED)
def test_valid_values_are_accepted(field: str, value: Any, read: Any) -> None:
    """They are converted to the expected Python values."""
    assert getattr(Everything.model_validate({field: value}), field) == read


REFUSED: list[tuple[str, Any, str]] = [
    ("note", "", "text_too_short"),
    ("note", "x" * 11, "text_too_long"),
    ("note", "a\x00b", "text_contains_nul"),
    ("note", "\ud800", "invalid_text"),
    ("note", 1, "not_text"),
    ("note", None, "not_text"),
    ("note", b"x", "not_text"),
    ("reference", "x" * 201, "text_too_long"),
    ("reference", "", "text_too_short"),
    ("reference", " x", "invalid_text"),
    ("reference", "x\u00a0", "invalid_text"),
    ("reference", "a\nb", "invalid_text"),
    ("reference", "a\x7fb", "invalid_text"),
    ("reference", "a\x85b", "invalid_text"),
    ("reference", "\x00", "text_contains_nul"),
    ("code", "Stripe", "invalid_text"),
    ("code", "-x", "invalid_text"),
    ("code", "x_", "invalid_text"),
    ("code", "x" * 33, "text_too_long"),
    ("code", "\u0661", "invalid_text"),
    ("id", 0, "out_of_range"),
    ("id", -1, "out_of_range"),
    ("id", 2**63, "out_of_range"),
    ("id", 10**30, "out_of_range"),
    ("id", True, "not_an_integer"),
    ("id", 1.0, "not_an_integer"),
    ("id", "1", "not_an_integer"),
    ("id", None, "not_an_integer"),
    ("count", -1, "out_of_range"),
    ("count", 2**31, "out_of_range"),
    ("count", False, "not_an_integer"),
    ("flag", 1, "not_a_boolean"),
    ("flag", "true", "not_a_boolean"),
    ("uuid", A_UUID.hex, "invalid_uuid"),
    ("uuid", f"urn:uuid:{A_UUID}", "invalid_uuid"),
    ("uuid", f"{{{A_UUID}}}", "invalid_uuid"),
    ("uuid", A_UUID.bytes, "invalid_uuid"),
    ("uuid", A_UUID.int, "invalid_uuid"),
    ("at", "2026-01-31T12:00:00", "missing_offset"),
    ("at", datetime(2026, 1, 31, 12), "missing_offset"),  # noqa: DTZ001 (the refused value)
    ("at", "2026-01-31", "invalid_time"),
    ("at", "2026-02-30T12:00:00Z", "invalid_time"),
    ("at", "2026-01-31T24:00:00Z", "invalid_time"),
    ("at", "2026-01-31T12:00:00+2", "invalid_time"),
    ("at", "2026-01-31T12:00:00Z\n", "invalid_time"),
    ("at", "\u0662\u0660\u0662\u0666-01-31T12:00:00Z", "invalid_time"),
    ("at", "0001-01-01T00:00:00+02:00", "invalid_time"),
    ("at", 1_769_860_800, "invalid_time"),
    ("at", "1769860800", "invalid_time"),
    ("at", None, "invalid_time"),
]


@pytest.mark.parametrize(("field", "value", "code"), REFUSED)
def test_invalid_values_are_refused_with_their_code(field: str, value: Any, code: str) -> None:
    """The error has the field and a published code."""
    with pytest.raises(ValidationError) as caught:
        Everything.model_validate({field: value})
    error = first_contract_error(caught.value)
    assert (error.code, error.field) == (code, field)
    assert code in CODES


@given(st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.timezones()))  # noqa: DTZ001 (hypothesis adds the zone)
def test_a_time_survives_a_round_trip(moment: datetime) -> None:
    """A time in any zone is written in UTC and read as the same instant."""
    text = time_text(moment)
    assert text.endswith("Z")
    assert parse_time(text, field="time") == moment.astimezone(UTC)


def test_a_refused_time_names_the_attribute() -> None:
    """Outside a model the caller passes the name of the field."""
    with pytest.raises(ContractError) as caught:
        parse_time("yesterday", field="time")
    assert (caught.value.code, caught.value.field) == ("invalid_time", "time")


@given(st.text(max_size=12))
def test_text_is_refused_only_for_its_length_and_nul(value: str) -> None:
    """The examples have all characters except surrogates."""
    fits = 1 <= len(value) <= 10 and "\x00" not in value
    try:
        read = Everything.model_validate({"note": value}).note
    except ValidationError:
        assert not fits
    else:
        assert fits
        assert read == value

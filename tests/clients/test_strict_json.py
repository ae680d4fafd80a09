"""The JSON parser accepts exactly what the standard allows."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easyautoml_ledger import strict_json
from easyautoml_ledger.errors import CODES, ContractError

REFUSED = [
    (b"", "malformed_json", None),
    (b"{", "malformed_json", None),
    (b"{} x", "malformed_json", None),
    (b"{'a': 1}", "malformed_json", None),
    (b'{"a": 1,}', "malformed_json", None),
    (b'{"a": 01}', "malformed_json", None),
    (b'{"a": "\n"}', "malformed_json", None),
    (b"[" * 100_000, "malformed_json", None),
    (b'{"a":' * 100_000, "malformed_json", None),
    (b"1" * 5_000, "malformed_json", None),
    (b"1E9999999999999999999", "malformed_json", None),
    (b"\xff", "invalid_utf8", None),
    (b"\xef\xbb\xbf{}", "invalid_utf8", None),
    ('{"a": 1}'.encode("utf-16"), "invalid_utf8", None),
    ('{"a": 1}'.encode("utf-32-le"), "malformed_json", None),
    (b'"\xed\xa0\x80"', "invalid_utf8", None),
    (b'{"a": NaN}', "not_a_number", None),
    (b'{"a": Infinity}', "not_a_number", None),
    (b'{"a": -Infinity}', "not_a_number", None),
    (b'{"a": 1, "a": 1}', "duplicate_key", "a"),
    (b'{"b": [{"a": 1, "\\u0061": 2}]}', "duplicate_key", "a"),
    (b'{"\\u0000": 1, "\\u0000": 1}', "duplicate_key", "\\x00"),
]


@pytest.mark.parametrize(("raw", "code", "field"), REFUSED)
def test_invalid_json_is_refused_with_its_code(raw: bytes, code: str, field: str | None) -> None:
    """Names of members are escaped in the error."""
    with pytest.raises(ContractError) as caught:
        strict_json.loads(raw)
    assert (caught.value.code, caught.value.field) == (code, field)
    assert code in CODES
    assert len(str(caught.value)) < 200


def test_fractions_stay_exact() -> None:
    """Numbers with a fraction or exponent become `Decimal`."""
    assert strict_json.loads(b"[0.1, 1E-8, 5]") == [Decimal("0.1"), Decimal("1E-8"), 5]


def test_fractions_become_floats_on_request() -> None:
    """Amounts then refuse them with `amount_is_float`."""
    assert strict_json.loads(b"[0.5]", parse_float=float) == [0.5]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(json_values, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_every_json_value_is_read_as_the_standard_parser_reads_it(
    value: object, indent: int | str | None, ascii_only: bool
) -> None:
    """No valid JSON is refused."""
    raw = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    assert strict_json.loads(raw) == value


@given(
    st.dictionaries(st.text(max_size=8), json_values, max_size=5),
    st.sampled_from([None, 0, 3, "\r\n\t "]),
    st.sampled_from([(",", ":"), (" , ", " : ")]),
)
def test_members_have_the_bytes_that_were_sent(
    value: dict[str, object], indent: int | str | None, separators: tuple[str, str]
) -> None:
    """The bytes of each member occur in the text and parse to its value."""
    raw = json.dumps(value, indent=indent, separators=separators).encode()
    found = strict_json.members(raw)
    assert list(found) == list(value)
    for name, (parsed, source) in found.items():
        assert parsed == value[name]
        assert source in raw
        assert json.loads(source) == value[name]


@pytest.mark.parametrize("raw", [b"[]", b"null", b'"x"', b"1"])
def test_members_of_other_values_are_refused(raw: bytes) -> None:
    """Only an object has members."""
    with pytest.raises(ContractError) as caught:
        strict_json.members(raw)
    assert caught.value.code == "not_an_object"

"""Amounts are exact and have one text; other values are refused."""

import json
import re
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from easyautoml_ledger import strict_json
from easyautoml_ledger.errors import first_contract_error
from easyautoml_ledger.money import (
    AMOUNT_PATTERN,
    LARGEST_AMOUNT,
    NON_NEGATIVE_PATTERN,
    POSITIVE_PATTERN,
    Amount,
    NonNegativeAmount,
    PositiveAmount,
    amount_text,
)

EIGHT_PLACES = Decimal("0.00000001")


class Prices(BaseModel):
    model_config = ConfigDict(extra="forbid")

    amount: Amount = Decimal(0)
    price: NonNegativeAmount = Decimal(0)
    paid: PositiveAmount = Decimal(1)


def amounts(*, least: Decimal = -LARGEST_AMOUNT) -> st.SearchStrategy[Decimal]:
    return st.decimals(min_value=least, max_value=LARGEST_AMOUNT, places=8).map(
        lambda amount: abs(amount) if amount == 0 else amount
    )


@given(amounts())
@example(LARGEST_AMOUNT)
@example(-LARGEST_AMOUNT)
@example(EIGHT_PLACES)
def test_every_amount_survives_a_round_trip(amount: Decimal) -> None:
    """It is written with exactly eight decimals and read without loss."""
    sent = Prices(amount=amount).model_dump_json(include={"amount"})
    text = json.loads(sent)["amount"]
    assert re.fullmatch(r"-?[0-9]{1,12}\.[0-9]{8}", text)
    assert re.search(AMOUNT_PATTERN, text)
    assert Prices.model_validate_json(sent).amount == amount
    assert Prices.model_validate(strict_json.loads(sent.encode())).amount == amount


@given(amounts())
def test_an_amount_does_not_depend_on_the_callers_decimal_context(amount: Decimal) -> None:
    """With a precision of four digits, all twenty are still read."""
    with localcontext() as context:
        context.prec = 4
        read = Prices.model_validate({"amount": f"{amount:f}"}).amount
        text = amount_text(read)
    assert read == amount
    assert Decimal(text) == amount


@given(amounts(least=Decimal(0)))
def test_the_patterns_match_what_the_types_accept(amount: Decimal) -> None:
    """Every non-negative amount matches the pattern, and only positive ones the positive pattern."""
    text = f"{amount:f}"
    assert re.search(NON_NEGATIVE_PATTERN, text)
    assert Prices.model_validate({"price": text}).price == amount
    assert bool(re.search(POSITIVE_PATTERN, text)) == (amount > 0)


@given(st.text(alphabet="-+0123456789.eE_ \n\u0661", max_size=24))
@example("1\n")
@example("0.000000000")
def test_a_text_is_read_exactly_if_it_matches_the_pattern(text: str) -> None:
    """A signed zero is the only text that matches the published pattern and is refused."""
    matches = re.fullmatch(AMOUNT_PATTERN.strip("^$"), text) is not None
    signed_zero = matches and text.startswith("-") and Decimal(text) == 0
    try:
        read = Prices.model_validate({"amount": text}).amount
    except ValidationError:
        assert not matches or signed_zero
    else:
        assert matches
        assert read == Decimal(text)


@pytest.mark.parametrize(
    ("json_text", "amount"),
    [
        ('"12.50"', "12.50"),
        ('"0"', "0"),
        ('"-0.00000001"', "-0.00000001"),
        ("12", "12"),
        ("12.5", "12.5"),
        ("0.1", "0.1"),
        ("1e3", "1000"),
        ("-0.00000001", "-0.00000001"),
        ("999999999999.99999999", "999999999999.99999999"),
    ],
)
def test_a_number_that_the_parser_kept_exact_is_accepted(json_text: str, amount: str) -> None:
    """A JSON number with at most eight decimals equals the amount as a string."""
    value = strict_json.loads(b'{"amount": ' + json_text.encode() + b"}")
    assert Prices.model_validate(value).amount == Decimal(amount)


REFUSED: list[tuple[Any, str]] = [
    (0.1, "amount_is_float"),
    (1.0, "amount_is_float"),
    (float("nan"), "amount_is_float"),
    ("0.123456789", "amount_too_precise"),
    ("1.000000000", "amount_too_precise"),
    (Decimal("1E-9"), "amount_too_precise"),
    (Decimal("0E-9"), "amount_too_precise"),
    (Decimal("1E-999999"), "amount_too_precise"),
    ("1000000000000", "amount_too_large"),
    ("-1000000000000", "amount_too_large"),
    (10**12, "amount_too_large"),
    (-(10**40), "amount_too_large"),
    (Decimal("1E+12"), "amount_too_large"),
    (Decimal("1E+999999"), "amount_too_large"),
    ("9" * 5000, "invalid_amount"),
    ("", "invalid_amount"),
    ("-", "invalid_amount"),
    (".5", "invalid_amount"),
    ("5.", "invalid_amount"),
    ("+5", "invalid_amount"),
    ("007", "invalid_amount"),
    ("1e3", "invalid_amount"),
    ("1_000", "invalid_amount"),
    ("1,5", "invalid_amount"),
    (" 1", "invalid_amount"),
    ("1\n", "invalid_amount"),
    ("\u0661", "invalid_amount"),
    ("-0", "invalid_amount"),
    ("-0.00", "invalid_amount"),
    (Decimal("-0"), "invalid_amount"),
    ("NaN", "invalid_amount"),
    ("Infinity", "invalid_amount"),
    (Decimal("NaN"), "invalid_amount"),
    (Decimal("sNaN"), "invalid_amount"),
    (Decimal("-Infinity"), "invalid_amount"),
    (True, "invalid_amount"),
    (None, "invalid_amount"),
    (b"1", "invalid_amount"),
    (["1"], "invalid_amount"),
]


@pytest.mark.parametrize(("value", "code"), REFUSED)
@pytest.mark.parametrize("field", ["amount", "price", "paid"])
def test_an_invalid_amount_is_refused_with_its_code(field: str, value: Any, code: str) -> None:
    """Every error has the field, a code and a short message."""
    with pytest.raises(ValidationError) as caught:
        Prices.model_validate({field: value})
    error = first_contract_error(caught.value)
    assert (error.code, error.field) == (code, field)
    assert len(error.message) < 100


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("price", "-0.00000001", "amount_is_negative"),
        ("price", -1, "amount_is_negative"),
        ("paid", "0", "amount_not_positive"),
        ("paid", "0.00000000", "amount_not_positive"),
        ("paid", "-1", "amount_not_positive"),
    ],
)
def test_the_sign_is_checked(field: str, value: Any, code: str) -> None:
    """A price may not be negative, and a payment must be positive."""
    with pytest.raises(ValidationError) as caught:
        Prices.model_validate({field: value})
    error = first_contract_error(caught.value)
    assert (error.code, error.field) == (code, field)


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0.04", "0.04000000"), ("0", "0.00000000"), ("-7", "-7.00000000"), ("1E+11", "100000000000.00000000")],
)
def test_an_amount_has_one_text(amount: str, text: str) -> None:
    """The text always has eight decimals and no exponent."""
    assert amount_text(Decimal(amount)) == text


def test_amounts_stay_decimal_in_python() -> None:
    """Only a JSON dump has strings; a Python dump keeps `Decimal`."""
    assert Prices(amount=Decimal("1.5")).model_dump(include={"amount"}) == {"amount": Decimal("1.50000000")}

"""Amounts: accepted, refused and shown."""

from decimal import Decimal
from typing import Any

import moneyed
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import AmountRefused
from models.money import exact_amount, money, money_or_none, register_currencies


@pytest.mark.parametrize(
    ("given_", "taken"),
    [
        (100.00, "100"),
        (0.1, "0.1"),
        (0.00000001, "0.00000001"),
        (1, "1"),
        ("12.50", "12.5"),
        (Decimal("999999999999.99999999"), "999999999999.99999999"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1.000000000000"), "1"),
    ],
)
def test_an_exact_amount_is_accepted(given_: Any, taken: str) -> None:
    """Its type does not matter."""
    assert exact_amount(given_) == Decimal(taken)


@pytest.mark.parametrize(
    ("given_", "reason"),
    [
        (0, "greater than zero"),
        (-1, "greater than zero"),
        (Decimal("-0.00000001"), "greater than zero"),
        (0.1 + 0.2, "8 decimals"),
        (1 / 3, "8 decimals"),
        (Decimal("0.000000001"), "8 decimals"),
        (Decimal(10) ** 12, "12 digits"),
        (1e300, "12 digits"),
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        (Decimal("sNaN"), "finite"),
        ("ten", "not a number"),
        ("", "not a number"),
        (True, "not a number"),
        (None, "not a number"),
        ([1], "not a number"),
    ],
)
def test_an_amount_that_is_not_exact_is_refused(given_: Any, reason: str) -> None:
    """Nothing is rounded; the error gives the reason."""
    with pytest.raises(AmountRefused, match=reason) as refused:
        exact_amount(given_)
    assert refused.value.value is given_


@given(st.decimals(min_value="0.00000001", max_value="999999999999.99999999", places=8))
def test_every_amount_with_eight_decimals_is_accepted_unchanged(amount: Decimal) -> None:
    """Both as a Decimal and as a string."""
    assert exact_amount(amount) == exact_amount(str(amount)) == amount


@given(st.floats(min_value=1e-8, max_value=1e11, allow_nan=False))
def test_a_float_is_read_as_it_prints_or_refused(amount: float) -> None:
    """It is never replaced by a nearby amount."""
    try:
        taken = exact_amount(amount)
    except AmountRefused as refused:
        assert refused.reason == "it has more than 8 decimals"  # noqa: PT017 - either way is right
    else:
        assert taken == Decimal(repr(amount))


def test_the_token_is_a_currency() -> None:
    """Registering it again has no effect."""
    register_currencies()
    token = moneyed.get_currency("EAML")
    register_currencies()
    assert moneyed.get_currency("EAML") is token


def test_money_keeps_currencies_apart() -> None:
    """Dollars and tokens cannot be added."""
    with pytest.raises(TypeError):
        money(Decimal(1), "USD") + money(Decimal(1), "EAML")
    assert money_or_none(None, "USD") is None

"""Rounding: each rule rounds once, at the eighth decimal."""

from decimal import Decimal, getcontext

import pytest

from ledger.domain import money
from tests.builders import amount


@pytest.mark.parametrize(
    ("price", "quantity", "product"),
    [
        ("0.00001000", 2000, "0.02000000"),
        ("0", 5, "0"),
        ("12.5", 0, "0"),
        ("0.00000001", 1, "0.00000001"),
        ("0.00000001", 2147483647, "21.47483647"),
        ("999999999999.99999999", 1, "999999999999.99999999"),
        # Half to even, once, at the end.
        ("0.000000005", 1, "0"),
        ("0.000000015", 1, "0.00000002"),
        ("0.000000025", 1, "0.00000002"),
        ("0.0000000250000000001", 1, "0.00000003"),
        ("0.000000005", 3, "0.00000002"),
        ("0.000000005", 4, "0.00000002"),
    ],
)
def test_price_times_quantity_rounds_half_even_once(price: str, quantity: int, product: str) -> None:
    """A product is exact before its one rounding."""
    assert money.multiply(Decimal(price), quantity) == Decimal(product)


def test_large_product_is_not_rounded_in_between() -> None:
    """Twenty digits times ten digits has more than the 28 of the default context."""
    product = money.multiply(Decimal("999999999999.99999999"), 2_147_483_647)
    assert getcontext().prec == 28
    assert product == Decimal("2147483646999999999978.52516353")


@pytest.mark.parametrize(
    ("gross", "rate", "commission"),
    [
        ("5", "0.2", "1"),
        ("0.00000001", "0.2", "0"),
        ("0.00000002", "0.2", "0"),
        ("0.00000003", "0.2", "0.00000001"),
        # Half goes up, to the platform; half to even would go down.
        ("0.00000001", "0.5", "0.00000001"),
        ("0.00000005", "0.5", "0.00000003"),
        ("0.00000005", "0.1", "0.00000001"),
        ("1", "0", "0"),
        ("0.00000007", "1", "0.00000007"),
        ("999999999999.99999999", "0.2", "200000000000"),
    ],
)
def test_commission_rounds_half_up(gross: str, rate: str, commission: str) -> None:
    """The seller gets the rest of the gross."""
    assert money.commission(amount(gross), Decimal(rate)) == Decimal(commission)


@pytest.mark.parametrize(
    ("usd", "rate", "tokens"),
    [
        ("10", "100", "1000"),
        ("0.00000001", "100", "0.000001"),
        ("0.00000001", "0.99999999", "0"),
        ("0.00000199", "0.01", "0.00000001"),
        ("1", "0.333333339", "0.33333333"),
    ],
)
def test_tokens_round_down(usd: str, rate: str, tokens: str) -> None:
    """USD buys no token that was not paid for in full."""
    assert money.tokens_for(amount(usd), Decimal(rate)) == Decimal(tokens)


@pytest.mark.parametrize(
    ("whole", "part", "total", "share"),
    [
        ("100", "1", "3", "33.33333334"),
        ("100", "3", "3", "100"),
        ("0.00000001", "1", "1000", "0.00000001"),
        ("0", "1", "3", "0"),
    ],
)
def test_part_of_a_whole_rounds_up_to_at_most_the_whole(
    whole: str, part: str, total: str, share: str
) -> None:
    """A reversed part never leaves the platform short, and never takes more than there is."""
    assert money.part_rounded_up(amount(whole), amount(part), amount(total)) == Decimal(share)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("0", "0.00000000"),
        ("1E-8", "0.00000001"),
        ("1E+3", "1000.00000000"),
        ("12.5", "12.50000000"),
        ("999999999999.99999999", "999999999999.99999999"),
    ],
)
def test_an_amount_is_written_with_exactly_eight_decimals(value: str, written: str) -> None:
    """Equal amounts are equal texts."""
    assert money.text(Decimal(value)) == written


def test_largest_amount_fits_the_column() -> None:
    """The column is numeric(20,8): twelve digits before the point."""
    assert Decimal(10) ** 12 - money.QUANTUM == money.AMOUNT_MAX

"""Amounts: exact decimals with 8 places and at most 12 digits before the point.

USD and EAML are never added up; every rounding rule of the ledger is in this module.
"""

from collections.abc import Iterable
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Context, Decimal
from typing import Final, Literal, TypeAlias

from ledger.domain.errors import AmountTooLarge

Currency: TypeAlias = Literal["USD", "EAML"]

USD: Final = "USD"
EAML: Final = "EAML"

ZERO: Final = Decimal("0.00000000")
QUANTUM: Final = Decimal("0.00000001")
AMOUNT_MAX: Final = Decimal("999999999999.99999999")

# Wide enough for price × columns × lines × epochs without intermediate rounding.
_EXACT: Final = Context(prec=80)


def multiply(price: Decimal, quantity: Decimal | int) -> Decimal:
    """Return price × quantity, rounded once, half to even at 8 places."""
    product = _EXACT.multiply(price, Decimal(quantity))
    return product.quantize(QUANTUM, ROUND_HALF_EVEN, _EXACT)


def add_up(parts: Iterable[tuple[Decimal, int]]) -> Decimal:
    """Return Σ price × quantity, rounded once, half to even at 8 places."""
    total = Decimal(0)
    for price, quantity in parts:
        total = _EXACT.add(total, _EXACT.multiply(price, Decimal(quantity)))
    return total.quantize(QUANTUM, ROUND_HALF_EVEN, _EXACT)


def commission(gross: Decimal, rate: Decimal) -> Decimal:
    """Return the platform's part of a sale, rounded half up. The seller gets gross − commission."""
    return _EXACT.multiply(gross, rate).quantize(QUANTUM, ROUND_HALF_UP, _EXACT)


def tokens_for(usd: Decimal, eaml_per_usd: Decimal) -> Decimal:
    """Return the EAML that an amount of USD buys, rounded down."""
    return _EXACT.multiply(usd, eaml_per_usd).quantize(QUANTUM, ROUND_DOWN, _EXACT)


def part_rounded_up(whole: Decimal, part: Decimal, total: Decimal) -> Decimal:
    """Return whole × part ÷ total, rounded up at 8 places and never more than the whole."""
    share = _EXACT.divide(_EXACT.multiply(whole, part), total).quantize(QUANTUM, ROUND_UP, _EXACT)
    return min(share, whole)


def text(amount: Decimal) -> str:
    """Return an amount as events, APIs and reports write it: with exactly 8 decimals."""
    written = str(amount)
    # Most amounts have 8 decimals already, and formatting them again takes several times as long.
    return written if written[-9:-8] == "." and "E" not in written else f"{amount:.8f}"


def check_size(amount: Decimal) -> None:
    """Raise `AmountTooLarge` for more than 12 digits before the point."""
    if amount > AMOUNT_MAX:
        raise AmountTooLarge("the amount has more than 12 digits before the point")

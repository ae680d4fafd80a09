"""The two currencies, exact amounts, and ``Money`` for display.

Amounts are ``Decimal`` with 8 decimals everywhere; they become ``Money`` (django-money) only for display.
"""

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import moneyed

from models.errors import AmountRefused

if TYPE_CHECKING:
    from djmoney.money import Money

USD = "USD"
EAML = "EAML"

DECIMAL_PLACES = 8
# numeric(20,8): twelve digits before the point.
_LIMIT = Decimal(10) ** 12


def register_currencies() -> None:
    """Register the EasyAutoML token with py-moneyed; calling this again has no effect."""
    if EAML not in moneyed.CURRENCIES:
        moneyed.add_currency(EAML, None, sub_unit=10**DECIMAL_PLACES, name="EasyAutoML token")


def money(amount: Decimal, currency: str) -> "Money":
    """Return the amount as django-money's ``Money``; ``currency`` is ``USD`` or ``EAML``."""
    # Imported here, because django-money reads the settings on import, and the settings import this module.
    from djmoney.money import Money

    return Money(amount, currency)


def money_or_none(amount: Decimal | None, currency: str) -> "Money | None":
    """Return the amount as ``Money``, or ``None`` for ``None``, such as the price of what is not for sale."""
    return None if amount is None else money(amount, currency)


def exact_amount(value: object) -> Decimal:
    """Return the amount to post: positive, with at most 8 decimals and 12 digits before the point.

    A float is read as it prints (``100.0`` is 100, ``0.1`` is one tenth), and refused if that has more than
    8 decimals. Nothing is rounded.

    Raises:
        AmountRefused: the value is not a number, not finite, not positive, too precise or too large.
    """
    amount = _decimal(value)
    if not amount.is_finite():
        raise AmountRefused(value, "it is not a finite number")
    if amount <= 0:
        raise AmountRefused(value, "it must be greater than zero")
    if amount >= _LIMIT:
        raise AmountRefused(value, "it has more than 12 digits before the point")
    exponent = amount.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -DECIMAL_PLACES:
        raise AmountRefused(value, f"it has more than {DECIMAL_PLACES} decimals")
    return amount


def _decimal(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise AmountRefused(value, "it is not a number")
    try:
        return Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        raise AmountRefused(value, "it is not a number") from None
